// `bpactl nodes`: what is shown of the nodes, once and again and again.
#include "controller/nodes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/ioctl.h>

#include <csignal>
#include <nlohmann/json.hpp>

#include "controller/node_status.h"
#include "controller/render_nodes.h"
#include "tests/controller/fake_node.h"
#include "tests/controller/run_bpactl.h"
#include "tests/controller/terminal.h"

namespace bpa::controller {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

v1::ResourceState Resource(v1::ResourceKind kind, const std::string& name, v1::Drift drift,
                           const std::string& message = "") {
  v1::ResourceState state;
  state.set_kind(kind);
  state.set_name(name);
  state.set_drift(drift);
  state.set_message(message);
  return state;
}

// Applied an hour ago, looked at two minutes ago; one of two resources differs, a volume is full.
v1::NodeStatus Drifted() {
  v1::NodeStatus status;
  const absl::Time now = absl::Now();
  status.set_observed_at_unix_millis(absl::ToUnixMillis(now - absl::Seconds(125)));
  v1::LastApply* last = status.mutable_last_apply();
  last->set_command_id("018bcfe5-6880-7000-8000-000000000001");
  last->set_at_unix_millis(absl::ToUnixMillis(now - absl::Minutes(61)));
  last->set_outcome(v1::OUTCOME_SUCCEEDED);
  *status.add_resources() = Resource(v1::RESOURCE_KIND_SYSCTL, "vm.max_map_count", v1::DRIFT_NONE);
  *status.add_resources() = Resource(v1::RESOURCE_KIND_DIRECTORY, "/opt/bpa/data/kafka1",
                                     v1::DRIFT_DIFFERS, "mode 0700, not 0777\x1b[2J");
  v1::VolumeUsage* volume = status.add_volumes();
  volume->set_mount_point("/opt");
  volume->set_size_bytes(1000);
  volume->set_available_bytes(70);
  volume->set_inodes(1000);
  volume->set_available_inodes(900);
  return status;
}

class NodesTest : public testing::Test {
 protected:
  NodesTest() { fleet_[0].Status(Drifted()); }

  Ran Nodes(std::vector<std::string> arguments = {}) {
    arguments.insert(arguments.begin(), {"--home", fleet_.home().path(), "nodes"});
    return Bpactl(arguments);
  }

  std::unique_ptr<OnTerminal> Watch() {
    setenv("TERM", "xterm", 1);
    return std::make_unique<OnTerminal>(std::vector<std::string>{
        BPA_BPACTL, "--home", fleet_.home().path(), "nodes", "--watch", "0.1"});
  }

  FakeFleet fleet_{2};
};

TEST_F(NodesTest, ShowsLastApplyDriftAndVolumesAsTheNodeSays) {
  const Ran ran = Nodes();
  EXPECT_EQ(ran.exit_code, kExitConverged);
  EXPECT_THAT(ran.out, AllOf(HasSubstr("100d  succeeded, 1h ago  1 of 2, 2m ago  /opt 93%\n"),
                             HasSubstr("node-2  yes        bpa-node-1  0.1.0"),
                             HasSubstr("100d  -                  -               -\n"),
                             HasSubstr("as the nodes say, unsigned")));
  EXPECT_THAT(ran.out, HasSubstr("node-1: drift: directory /opt/bpa/data/kafka1: mode 0700, not "
                                 "0777\\x1b[2J\n"));
  EXPECT_THAT(ran.out, HasSubstr("node-1: /opt is nearly full: 70 B and 900 inodes are left\n"));
}

TEST_F(NodesTest, JsonHoldsTheStatusAndNullWhereThereIsNone) {
  const json nodes = json::parse(Nodes({"--output", "json"}).out)["nodes"];
  const json& status = nodes[0]["status"];
  EXPECT_EQ(status["drifted"], 1);
  EXPECT_EQ(status["resources"][1]["drift"], "differs");
  EXPECT_EQ(status["last_apply"]["outcome"], "succeeded");
  EXPECT_EQ(status["volumes"][0]["percent_used"], 93);
  EXPECT_TRUE(nodes[1]["status"].is_null());
}

TEST(NodeStatusTest, SaysWhatCallsForAttentionAndNothingElse) {
  v1::DescribeResponse said;
  EXPECT_EQ(StatusRemarks("n", said), "");
  EXPECT_EQ(DriftText(said, absl::Now()), "-");
  v1::NodeStatus& status = *said.mutable_status();
  EXPECT_EQ(LastApplyText(said, absl::Now()), "never");
  status.set_error("cannot read /proc/1/mountinfo");
  EXPECT_EQ(DriftText(said, absl::Now()), "unknown");
  EXPECT_EQ(StatusRemarks("n", said),
            "n: it could not look at its resources: cannot read /proc/1/mountinfo\n");
  status.clear_error();
  status.mutable_last_apply()->set_command_id("0189");
  status.mutable_last_apply()->set_outcome(v1::OUTCOME_FAILED);
  EXPECT_EQ(StatusRemarks("n", said), "n: its last apply failed: bpactl show 0189\n");
  status.mutable_last_apply()->set_outcome(v1::OUTCOME_SUCCEEDED);
  *status.add_resources() = Resource(v1::RESOURCE_KIND_VOLUME, "/opt", v1::DRIFT_UNKNOWN, "gone");
  EXPECT_EQ(StatusRemarks("n", said), "n: not known: volume /opt: gone\n");
  EXPECT_THAT(DriftText(said, absl::Now()), HasSubstr("none (1 unknown), "));
}

TEST(NodeStatusTest, AVolumeIsAsFullAsItsInodes) {
  v1::VolumeUsage volume;
  EXPECT_EQ(PercentUsed(volume), -1);
  volume.set_size_bytes(100);
  volume.set_available_bytes(90);
  EXPECT_EQ(PercentUsed(volume), 10);
  volume.set_inodes(100);
  volume.set_available_inodes(5);
  EXPECT_EQ(PercentUsed(volume), 95);
  volume.set_available_inodes(500);  // more than there are
  EXPECT_EQ(PercentUsed(volume), 10);
}

TEST_F(NodesTest, WatchDrawsInPlaceInTheTerminalsSizeAndLeavesTheLastOnCtrlC) {
  const auto terminal = Watch();
  ASSERT_TRUE(terminal->Await("\x1b[?1049h\x1b[?25l"));
  ASSERT_TRUE(terminal->Await("bpa-test  "));
  ASSERT_TRUE(terminal->Await("1 of 2"));
  ASSERT_TRUE(terminal->Await("\x1b[H"));
  fleet_[0].Status(v1::NodeStatus());
  ASSERT_TRUE(terminal->Await("never"));
  terminal->Resize(5, 30);
  ASSERT_TRUE(terminal->Await("… and "));
  terminal->Type("\x03");
  ASSERT_TRUE(terminal->Await("\x1b[?25h\x1b[?1049l"));
  ASSERT_TRUE(terminal->Await("never"));
  EXPECT_EQ(terminal->Wait(), kExitConverged);
}

TEST_F(NodesTest, WatchIsABlockPerRoundInAPipe) {
  const std::string out = fleet_.scratch() / "out";
  const std::string command =
      absl::StrCat(BPA_BPACTL, " --home ", fleet_.home().path(), " nodes --watch 0.1 > ", out,
                   " & pid=$!; until [ $(grep -c '^NODE' ", out,
                   ") -ge 2 ]; do sleep 0.1; done; kill -INT $pid; wait $pid");
  EXPECT_EQ(Shell(command), 0);
  EXPECT_THAT(ReadFile(out), AllOf(HasSubstr("every 100ms\nNODE"), Not(HasSubstr("\x1b"))));
}

TEST_F(NodesTest, WatchTakesItsIntervalOrNone) {
  EXPECT_THAT(Nodes({"--watch", "0"}).err, HasSubstr("write seconds"));
  EXPECT_THAT(Nodes({"--watch", "nodes-9"}).err, HasSubstr("nodes-9"));
}

}  // namespace
}  // namespace bpa::controller
