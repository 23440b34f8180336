#include "controller/plan_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_replace.h"
#include "tests/controller/results.h"

namespace bpa::controller {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr char kId[] = "018bcfe5-6880-7000-8000-000000000001";

v1::Command PlanCommand() {
  v1::Command command;
  command.set_id(kId);
  command.set_cluster("bpa-prod");
  command.set_mode(v1::MODE_PLAN);
  command.set_reset_directories(true);
  return command;
}

std::vector<NodeResult> Plan() {
  return {Reported("node-1", v1::MODE_PLAN,
                   {MakeResource(v1::RESOURCE_KIND_DIRECTORY, "/opt/bpa/a",
                                 v1::RESOURCE_STATUS_WOULD_CHANGE, {{"mode", "0755", "0777"}})}),
          Reported("node-2", v1::MODE_PLAN, {}),
          NotReported("node-3", NodeState::kUnreachable, absl::UnavailableError("gone"))};
}

std::string Fingerprint(const std::string& after) {
  return ChangeFingerprint(v1::RESOURCE_KIND_DIRECTORY, "/opt/bpa/a", "mode", "0755", after);
}

TEST(PlanFileTest, ComesBackAsItWasWritten) {
  const RoleParts parts{.volumes = false, .directories = true, .sysctls = false};
  absl::StatusOr<SavedPlan> plan = DecodePlan(EncodePlan(PlanCommand(), parts, Plan()));
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->plan_id, kId);
  EXPECT_EQ(plan->cluster, "bpa-prod");
  EXPECT_TRUE(plan->reset);
  EXPECT_FALSE(plan->parts.volumes);
  EXPECT_TRUE(plan->parts.directories);
  EXPECT_FALSE(plan->parts.sysctls);
  ASSERT_EQ(plan->nodes.size(), 2);
  EXPECT_THAT(plan->nodes["node-1"].change_sha256(), ElementsAre(Fingerprint("0777")));
  EXPECT_EQ(plan->nodes["node-1"].plan_id(), kId);
  EXPECT_EQ(plan->nodes["node-2"].change_sha256_size(), 0);
}

TEST(PlanFileTest, BindsToTheWordsOfTheFileAndNotToWhatWasThere) {
  const std::string edited =
      absl::StrReplaceAll(EncodePlan(PlanCommand(), {}, Plan()), {{"\"0777\"", "\"0700\""}});
  EXPECT_THAT(DecodePlan(edited)->nodes["node-1"].change_sha256(),
              ElementsAre(Fingerprint("0700")));
}

TEST(PlanFileTest, BindsAnApplyToWhatWasShownAndNotToTheNodesFingerprints) {
  std::vector<NodeResult> plan = Plan();
  plan[0].report.mutable_resources(0)->mutable_changes(0)->set_fingerprint_sha256("other");
  EXPECT_THAT(Reviewed(kId, plan)["node-1"].change_sha256(), ElementsAre(Fingerprint("0777")));
}

TEST(PlanFileTest, RefusesWhatIsNoPlan) {
  const std::string good = EncodePlan(PlanCommand(), {}, Plan());
  const std::pair<std::string, const char*> kTable[] = {
      {"", "not a plan"},
      {"[]", "not a plan"},
      {good.substr(0, good.size() / 2), "not a plan"},
      {good + "x", "not a plan"},
      {absl::StrReplaceAll(good, {{"bpa-plan/1", "bpa-plan/2"}}), "bpa-plan/1"},
      {absl::StrReplaceAll(good, {{"\"reset\": true", "\"reset\": 1"}}), "not a plan"},
      {absl::StrReplaceAll(good, {{"\"plan_id\"", "\"planid\""}}), "plan_id"},
      {absl::StrReplaceAll(good, {{"\"directory\"", "\"device\""}}), "unknown kind \"device\""},
      {absl::StrReplaceAll(good, {{"\"before\"", "\"earlier\""}}), "before"}};
  for (const auto& [text, message] : kTable) {
    const absl::StatusOr<SavedPlan> plan = DecodePlan(text);
    EXPECT_EQ(plan.status().code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(std::string(plan.status().message()), HasSubstr(message));
  }
}

}  // namespace
}  // namespace bpa::controller
