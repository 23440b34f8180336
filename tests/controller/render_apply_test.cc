#include "controller/render_apply.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/controller/results.h"

namespace bpa::controller {
namespace {

using testing::ElementsAre;
using testing::Field;

const std::vector<NodeResult>& Plan() {
  static const auto* const kPlan = new std::vector<NodeResult>{
      Reported(
          "node-1", v1::MODE_PLAN,
          {MakeResource(v1::RESOURCE_KIND_RESET, "/opt/bpa/data", v1::RESOURCE_STATUS_WOULD_CHANGE,
                        {{"contents", "3 entries, 12 KiB", "empty"}})}),
      NotReported("node-2", NodeState::kUnreachable, absl::UnavailableError("gone"))};
  return *kPlan;
}

TEST(RenderApplyTest, AppliesToTheNodesThatAnsweredThePlan) {
  EXPECT_THAT(NodesToApply({{.name = "node-1"}, {.name = "node-2"}}, Plan()),
              ElementsAre(Field(&Node::name, "node-1")));
}

TEST(RenderApplyTest, TheQuestionSaysHowManyAndWhoIsLeftOut) {
  EXPECT_EQ(ApplyQuestion(Plan()),
            "Apply these changes to 1 node (not to node-2, which did not answer)?");
  EXPECT_EQ(ApplyQuestion({Plan()[0]}), "Apply these changes to 1 node?");
}

TEST(RenderApplyTest, NamesWhatWouldBeWiped) {
  EXPECT_EQ(ResetWarning(Plan()),
            "All data in these directories will be deleted:\n"
            "  node-1: /opt/bpa/data (3 entries, 12 KiB)\n");
  EXPECT_EQ(ResetWarning({Plan()[1]}), "");
}

TEST(RenderApplyTest, OnlyDifferencesAreChanges) {
  EXPECT_TRUE(HasChanges(Plan()));
  EXPECT_FALSE(HasChanges({Plan()[1]}));
  EXPECT_FALSE(HasChanges(
      {Reported("node-1", v1::MODE_PLAN,
                {MakeResource(v1::RESOURCE_KIND_SYSCTL, "vm.x", v1::RESOURCE_STATUS_UNCHANGED)})}));
}

}  // namespace
}  // namespace bpa::controller
