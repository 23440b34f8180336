#include "controller/render_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_replace.h"
#include "tests/controller/results.h"

namespace bpa::controller {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr auto kWould = v1::RESOURCE_STATUS_WOULD_CHANGE;
constexpr auto kOk = v1::RESOURCE_STATUS_UNCHANGED;

std::vector<v1::ResourceResult> FreshNode() {
  return {
      MakeResource(v1::RESOURCE_KIND_VOLUME, "/opt", kWould,
                   {{"filesystem", "blank, 2 TiB, serial vol0a", "xfs"},
                    {"mount", "not mounted", "/dev/nvme1n1 on /opt (xfs)"}}),
      MakeResource(v1::RESOURCE_KIND_RESET, "/opt/bpa/data", kWould,
                   {{"contents", "3 entries, 12 KiB", "empty"}}),
      MakeResource(v1::RESOURCE_KIND_DIRECTORY, "/opt/bpa/data/kafka1", kWould,
                   {{"mode", "0755", "0777"}}),
      MakeResource(v1::RESOURCE_KIND_DIRECTORY, "/opt/bpa/data/kafka2", kOk),
      MakeResource(v1::RESOURCE_KIND_SYSCTL, "vm.max_map_count", kWould,
                   {{"live value", "65530", "262144"}}),
  };
}

TEST(RenderPlanTest, ReadsLikeADiffAndGroupsNodesThatReadTheSame) {
  const std::vector<NodeResult> results = {
      Reported("node-1", v1::MODE_PLAN, FreshNode()),
      Reported("node-2", v1::MODE_PLAN,
               {MakeResource(v1::RESOURCE_KIND_SYSCTL, "vm.max_map_count", kOk)}),
      Reported("node-3", v1::MODE_PLAN, FreshNode()),
      NotReported("node-4", NodeState::kUnreachable, absl::UnavailableError("no route to host"))};
  EXPECT_EQ(RenderPlan(results, v1::MODE_PLAN, /*color=*/false),
            "node-1, node-3\n"
            "  volume /opt\n"
            "    + filesystem    blank, 2 TiB, serial vol0a -> xfs\n"
            "    + mount         not mounted -> /dev/nvme1n1 on /opt (xfs)\n"
            "  reset /opt/bpa/data\n"
            "    - contents      3 entries, 12 KiB -> empty\n"
            "  directory /opt/bpa/data/kafka1\n"
            "    ~ mode          0755 -> 0777\n"
            "  sysctl vm.max_map_count\n"
            "    ~ live value    65530 -> 262144\n"
            "\n"
            "node-2\n"
            "  as wanted\n"
            "\n"
            "node-4\n"
            "  ! unreachable: no route to host\n"
            "\n"
            "Plan: 4 new, 4 changed, 2 removed or wiped on 2 of 4 nodes; 1 node as wanted; 1 node "
            "without an answer.\n");
}

TEST(RenderPlanTest, NamesProblemsAndWhatTheyHoldBack) {
  const std::vector<NodeResult> results = {
      Reported("node-1", v1::MODE_VERIFY,
               {MakeResource(v1::RESOURCE_KIND_VOLUME, "/opt", v1::RESOURCE_STATUS_FAILED, {},
                             "no disk has the serial vol0a: attach it"),
                MakeResource(v1::RESOURCE_KIND_DIRECTORY, "/opt/bpa/a", v1::RESOURCE_STATUS_SKIPPED,
                             {}, "the volume on /opt failed"),
                MakeResource(v1::RESOURCE_KIND_DIRECTORY, "/opt/bpa/b", v1::RESOURCE_STATUS_SKIPPED,
                             {}, "the volume on /opt failed")},
               v1::OUTCOME_FAILED)};
  EXPECT_EQ(RenderPlan(results, v1::MODE_VERIFY, /*color=*/false),
            "node-1\n"
            "  volume /opt\n"
            "    ! no disk has the serial vol0a: attach it\n"
            "  directory /opt/bpa/a\n"
            "  directory /opt/bpa/b\n"
            "    ? skipped: the volume on /opt failed\n"
            "\n"
            "Drift: 1 node with problems.\n");
}

TEST(RenderPlanTest, SaysWhatToDoAboutARefusal) {
  const std::vector<NodeResult> results = {NotReported(
      "node-1", NodeState::kRefused, absl::UnauthenticatedError("no trusted key has signed"))};
  const std::string text = RenderPlan(results, v1::MODE_PLAN, /*color=*/false);
  EXPECT_THAT(text, HasSubstr("! refused: no trusted key has signed\n"));
  EXPECT_THAT(text, HasSubstr("trusted-signers.d"));
}

TEST(RenderPlanTest, SaysWhenThereIsNothingToDo) {
  const std::vector<NodeResult> results = {Reported("node-1", v1::MODE_VERIFY, {}),
                                           Reported("node-2", v1::MODE_VERIFY, {})};
  EXPECT_EQ(RenderPlan(results, v1::MODE_VERIFY, /*color=*/false),
            "node-1, node-2\n  as wanted\n\nDrift: 2 nodes as wanted.\n");
}

TEST(RenderPlanTest, ColourAddsEscapeSequencesAndChangesNothingElse) {
  const std::vector<NodeResult> results = {Reported("node-1", v1::MODE_PLAN, FreshNode())};
  const std::string colored = RenderPlan(results, v1::MODE_PLAN, /*color=*/true);
  EXPECT_THAT(colored, HasSubstr("\x1b[31m- contents"));
  EXPECT_EQ(
      absl::StrReplaceAll(
          colored,
          {{"\x1b[0m", ""}, {"\x1b[1m", ""}, {"\x1b[31m", ""}, {"\x1b[32m", ""}, {"\x1b[33m", ""}}),
      RenderPlan(results, v1::MODE_PLAN, /*color=*/false));
}

TEST(RenderPlanTest, ANodeCannotMoveTheCursor) {
  const std::vector<NodeResult> results = {
      Reported("node-1", v1::MODE_PLAN,
               {MakeResource(v1::RESOURCE_KIND_DIRECTORY, "/opt/\x1b[2J", kWould,
                             {{"mode\r", "\x1b]0;title\a", "0777"}}, "\x9b\x7f")}),
      NotReported("node-2", NodeState::kRefused, absl::InternalError("\x1b[1A"))};
  const std::string text = RenderPlan(results, v1::MODE_PLAN, /*color=*/false);
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
  EXPECT_THAT(text, Not(HasSubstr("\r")));
  EXPECT_THAT(text, HasSubstr("/opt/\\x1b[2J"));
}

}  // namespace
}  // namespace bpa::controller
