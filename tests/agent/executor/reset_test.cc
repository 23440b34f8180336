#include "agent/executor/reset.h"

#include <string>

#include "absl/strings/match.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/agent/executor/prepared_node.h"

namespace bpa::executor {
namespace {

using ::testing::HasSubstr;

class ResetTest : public testing::Test {
 protected:
  ResetTest() {
    node_.host.AddDirectory("/opt/bpa/data", 0770, 1000, 1000);
    node_.host.AddFile("/opt/bpa/data/kafka1/log", std::string(2048, 'x'));
    node_.WantReset("/opt/bpa/data");
  }
  void ExpectRefused(const std::string& message) {
    const std::string before = node_.host.Snapshot();
    for (const v1::Mode mode : {v1::MODE_PLAN, v1::MODE_APPLY}) {
      const v1::ResourceResult result = node_.RunOne(mode);
      EXPECT_EQ(result.status(), v1::RESOURCE_STATUS_FAILED);
      EXPECT_THAT(result.message(), HasSubstr(message));
    }
    EXPECT_EQ(node_.host.Snapshot(), before);
  }

  PreparedNode node_;
};

TEST_F(ResetTest, EmptiesTheDirectoryAndKeepsItsModeAndOwner) {
  const v1::ResourceResult result = node_.RunOne(v1::MODE_APPLY);
  EXPECT_EQ(result.kind(), v1::RESOURCE_KIND_RESET);
  EXPECT_EQ(result.status(), v1::RESOURCE_STATUS_CHANGED) << result.message();
  EXPECT_EQ(DescribeChanges(result), "contents: 2 entries, 2.0 KiB -> empty\n");
  EXPECT_EQ(node_.host.Info("/opt/bpa/data/kafka1"), std::nullopt);
  EXPECT_EQ(node_.host.Info("/opt/bpa/data")->mode, 0770u);
  EXPECT_EQ(node_.host.Info("/opt/bpa/data")->uid, 1000u);
  EXPECT_FALSE(absl::StrContains(node_.host.Snapshot(), "trash"));
}

TEST_F(ResetTest, HappensOncePerCommand) {
  node_.RunOne(v1::MODE_APPLY);
  node_.host.AddFile("/opt/bpa/data/kafka1/log", "written since");
  EXPECT_EQ(node_.RunOne(v1::MODE_APPLY).status(), v1::RESOURCE_STATUS_UNCHANGED);
  EXPECT_EQ(node_.host.Content("/opt/bpa/data/kafka1/log"), "written since");
  node_.context.command_id = "01935c5e-0000-7000-8000-000000000002";
  EXPECT_EQ(node_.RunOne(v1::MODE_APPLY).status(), v1::RESOURCE_STATUS_CHANGED);
  EXPECT_EQ(node_.host.Content("/opt/bpa/data/kafka1/log"), std::nullopt);
}

TEST_F(ResetTest, ResumingKeepsWhatWasWrittenSinceTheCrash) {
  // Ends right before the deletion.
  node_.Run(v1::MODE_PLAN).IgnoreError();
  int call = 0;
  {
    PreparedNode rehearsal;
    rehearsal.host.AddFile("/opt/bpa/data/kafka1/log", "x");
    rehearsal.WantReset("/opt/bpa/data");
    ASSERT_TRUE(rehearsal.Apply().ok());
    while (!absl::StartsWith(rehearsal.faults.log()[call], "RecordReset")) ++call;
  }
  node_.faults.Restart();
  node_.faults.Arm(Faults::Kind::kCrashBefore, call + 2);  // the owner is set as well
  node_.Apply().IgnoreError();
  ASSERT_TRUE(absl::StrContains(node_.host.Snapshot(), "trash"));
  node_.faults.Restart();
  node_.host.AddFile("/opt/bpa/data/kafka2/log", "written since");
  EXPECT_TRUE(node_.Apply().ok());
  EXPECT_EQ(node_.host.Content("/opt/bpa/data/kafka2/log"), "written since");
  EXPECT_FALSE(absl::StrContains(node_.host.Snapshot(), "trash"));
}

TEST_F(ResetTest, DeletesWhatAnotherCommandLeft) {
  node_.host.Remove("/opt/bpa/data/kafka1");
  node_.host.AddFile("/opt/bpa/.bpa-trash-old-0/log", "x");
  EXPECT_EQ(DescribeChanges(node_.RunOne(v1::MODE_APPLY)),
            "trash: 1 left by an interrupted reset -> none\n");
  EXPECT_FALSE(absl::StrContains(node_.host.Snapshot(), "trash"));
}

TEST_F(ResetTest, AnEmptyOrAbsentDirectoryIsUnchanged) {
  node_.host.Remove("/opt/bpa/data/kafka1");
  EXPECT_EQ(node_.RunOne(v1::MODE_APPLY).status(), v1::RESOURCE_STATUS_UNCHANGED);
  node_.host.Remove("/opt/bpa");
  EXPECT_EQ(node_.RunOne(v1::MODE_PLAN).status(), v1::RESOURCE_STATUS_UNCHANGED);
}

TEST_F(ResetTest, RefusesWhileFilesAreOpenBelow) {
  node_.host.processes = {{71, "java", "/opt/bpa/data/kafka1/log", false}};
  ExpectRefused(
      "/opt/bpa/data is in use and is not reset: java (pid 71) holds "
      "/opt/bpa/data/kafka1/log; stop what uses it");
}

TEST_F(ResetTest, RefusesAMountAtOrBelow) {
  node_.host.MountForeign("nas:/kafka", "/opt/bpa/data/kafka1");
  ExpectRefused("nas:/kafka is mounted on /opt/bpa/data/kafka1");
}

TEST_F(ResetTest, RefusesALinkAndAFile) {
  node_.host.Remove("/opt/bpa/data");
  node_.host.AddLink("/opt/bpa/data", "/etc");
  ExpectRefused("/opt/bpa/data is not a directory");
}

TEST_F(ResetTest, NeedsThePolicysPermission) {
  node_.policy.allow_reset = false;
  ExpectRefused("policy.allow in agent.yaml does not list 'reset'");
}

TEST_F(ResetTest, NeedsAsManySignersAsThePolicySays) {
  node_.policy.reset_threshold = 2;
  const std::string before = node_.host.Snapshot();
  const v1::ResourceResult result = node_.RunOne(v1::MODE_APPLY);
  EXPECT_THAT(result.message(), HasSubstr("needs 2 signers (policy.thresholds.reset in agent.yaml)"
                                          ", the command has 1"));
  EXPECT_EQ(node_.host.Snapshot(), before);
  EXPECT_EQ(node_.RunOne(v1::MODE_PLAN).status(), v1::RESOURCE_STATUS_WOULD_CHANGE);
  node_.context.distinct_signers = 2;
  EXPECT_EQ(node_.RunOne(v1::MODE_APPLY).status(), v1::RESOURCE_STATUS_CHANGED);
}

TEST_F(ResetTest, NeverTakesAnotherRootOrAMountPointAlong) {
  node_.policy.directory_roots = {"/opt", "/opt/bpa/data/kafka1"};
  ExpectRefused("/opt/bpa/data is not emptied: /opt/bpa/data/kafka1, which the policy names");
}

TEST_F(ResetTest, HappensOnlyWhenTheCommandSaysSo) {
  node_.context.reset_directories = false;
  EXPECT_EQ(node_.RunOne(v1::MODE_APPLY).kind(), v1::RESOURCE_KIND_DIRECTORY);
  EXPECT_TRUE(node_.host.Content("/opt/bpa/data/kafka1/log").has_value());
}

TEST_F(ResetTest, TouchesNothingBeforeTheMountAbove) {
  ResetResource resource("/opt/bpa/data", "id", "/opt", node_.host, node_.ledger);
  const std::string before = node_.host.Snapshot();
  EXPECT_EQ(resource.Observe()->front().before, "unknown until /opt is mounted");
  EXPECT_THAT(std::string(resource.Converge().message()), HasSubstr("/opt is not mounted"));
  EXPECT_EQ(node_.host.Snapshot(), before);
}

}  // namespace
}  // namespace bpa::executor
