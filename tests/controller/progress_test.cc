#include "controller/progress.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <unistd.h>

#include <cstdlib>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "tests/controller/results.h"

namespace bpa::controller {
namespace {

using testing::HasSubstr;
using testing::Not;

std::vector<Node> Nodes(int count) {
  std::vector<Node> nodes;
  for (int i = 1; i <= count; ++i) nodes.push_back({.name = absl::StrCat("node-", i)});
  return nodes;
}

v1::Progress At(uint32_t position, v1::ResourceStatus status,
                const std::string& name = "/opt/bpa/a") {
  v1::Progress progress;
  progress.set_kind(v1::RESOURCE_KIND_DIRECTORY);
  progress.set_name(name);
  progress.set_status(status);
  progress.set_position(position);
  progress.set_total(4);
  return progress;
}

NodeResult Done(const std::string& node) {
  return Reported(
      node, v1::MODE_APPLY,
      {MakeResource(v1::RESOURCE_KIND_DIRECTORY, "/opt/bpa/a", v1::RESOURCE_STATUS_CHANGED)});
}

TEST(ProgressTest, PlainLinesSayWhatChangedAndCarryNoControlCharacters) {
  std::ostringstream out;
  Progress progress(out, Nodes(2), {.style = ProgressStyle::kPlain});
  const FleetObserver observer = progress.Observer();
  observer.started("node-1");
  observer.progressed("node-1", At(1, v1::RESOURCE_STATUS_UNSPECIFIED));
  observer.progressed("node-1", At(1, v1::RESOURCE_STATUS_UNCHANGED));
  observer.progressed("node-1", At(2, v1::RESOURCE_STATUS_CHANGED, "/opt/\x1b[2J"));
  observer.finished(Done("node-1"));
  observer.finished(NotReported("node-2", NodeState::kRefused, absl::AbortedError("busy")));
  progress.Clear();
  EXPECT_EQ(out.str(),
            "node-1: sent\n"
            "node-1: [2/4] directory /opt/\\x1b[2J changed\n"
            "node-1: ok=0 changed=1 failed=0 skipped=0  0.8s\n"
            "node-2: refused  10.0s\n");
}

v1::Progress Receiving(uint64_t received) {
  v1::Progress progress = At(3, v1::RESOURCE_STATUS_UNSPECIFIED, "/opt/bpa/packages");
  v1::PackageProgress& package = *progress.mutable_package();
  package.set_phase(v1::PackageProgress::PHASE_RECEIVE);
  package.set_total_bytes(4096);
  package.set_reused_bytes(1024);
  package.set_received_bytes(received);
  return progress;
}

TEST(ProgressTest, APackageIsOnePlainLineInFiveSecondsPerNode) {
  std::ostringstream out;
  Progress progress(out, Nodes(2), {.style = ProgressStyle::kPlain});
  const FleetObserver observer = progress.Observer();
  for (const uint64_t received : {0, 1024, 2048}) {
    observer.progressed("node-1", Receiving(received));
    observer.progressed("node-2", Receiving(received));
  }
  EXPECT_EQ(out.str(),
            "node-1: [####............]  25% received, 1.0 KiB of 4.0 KiB, 1.0 KiB reused\n"
            "node-2: [####............]  25% received, 1.0 KiB of 4.0 KiB, 1.0 KiB reused\n");
}

TEST(ProgressTest, APackageHasABarOnATerminal) {
  std::ostringstream out;
  Progress progress(out, Nodes(1), {.style = ProgressStyle::kLive, .columns = 120});
  const FleetObserver observer = progress.Observer();
  observer.progressed("node-1", Receiving(1024));
  observer.started("node-1");
  absl::SleepFor(absl::Milliseconds(40));
  observer.progressed("node-1", Receiving(2048));
  EXPECT_THAT(out.str(), HasSubstr("[############....]  75% received, 3.0 KiB of 4.0 KiB"));
}

TEST(ProgressTest, SilentSaysNothing) {
  std::ostringstream out;
  Progress progress(out, Nodes(1), {.style = ProgressStyle::kSilent});
  EXPECT_EQ(progress.Observer().started, nullptr);
  progress.Clear();
  EXPECT_EQ(out.str(), "");
}

TEST(ProgressTest, ALiveDisplayIsRedrawnInPlaceAndLeavesNothingBehind) {
  std::ostringstream out;
  Progress progress(out, Nodes(2), {.style = ProgressStyle::kLive});
  const FleetObserver observer = progress.Observer();
  observer.started("node-1");
  EXPECT_THAT(out.str(), HasSubstr("node-1  sent"));
  EXPECT_THAT(out.str(), HasSubstr("node-2  waiting"));
  observer.finished(Done("node-1"));
  observer.finished(Done("node-2"));  // the last end is drawn at once
  EXPECT_THAT(out.str(), HasSubstr("\x1b[2A\rnode-1  ok=0 changed=1 failed=0 skipped=0  0.8s"));
  out.str("");
  progress.Clear();
  EXPECT_EQ(out.str(), "\x1b[2A\x1b[J");
}

TEST(ProgressTest, CutsLinesToTheTerminal) {
  std::ostringstream out;
  Progress progress(out, Nodes(1), {.style = ProgressStyle::kLive, .columns = 30});
  progress.Observer().started("node-1");
  progress.Observer().finished(Done("node-1"));
  for (const auto line : absl::StrSplit(out.str(), '\n')) {
    const size_t end = line.find("\x1b[K");
    const size_t begin = line.find('\r');
    if (end == line.npos || begin == line.npos) continue;
    EXPECT_LT(end - begin - 1, 30) << line;
  }
}

TEST(ProgressTest, ShowsOnlyNodesUnderWayWhereTheRestDoesNotFit) {
  std::ostringstream out;
  Progress progress(out, Nodes(50), {.style = ProgressStyle::kLive, .rows = 10});
  progress.Observer().started("node-7");
  EXPECT_THAT(out.str(), HasSubstr("node-7   sent"));
  EXPECT_THAT(out.str(), HasSubstr("0 of 50 ended, 49 waiting"));
  EXPECT_THAT(out.str(), Not(HasSubstr("node-8")));
}

class ProgressOnATerminalTest : public testing::Test {
 protected:
  ProgressOnATerminalTest() {
    const winsize size{.ws_row = 40, .ws_col = 100};
    EXPECT_EQ(openpty(&ours_, &theirs_, nullptr, nullptr, &size), 0);
    setenv("TERM", "xterm", 1);
  }
  ~ProgressOnATerminalTest() override {
    close(ours_);
    close(theirs_);
  }

  int ours_ = -1;
  int theirs_ = -1;
};

TEST_F(ProgressOnATerminalTest, IsLiveInTheTerminalsSize) {
  const ProgressOptions options = ProgressFor(theirs_, /*color=*/true);
  EXPECT_EQ(options.style, ProgressStyle::kLive);
  EXPECT_EQ(options.columns, 100);
  EXPECT_EQ(options.rows, 40);
  EXPECT_TRUE(options.color);
}

TEST_F(ProgressOnATerminalTest, IsPlainOnADumbTerminalAndInAPipe) {
  setenv("TERM", "dumb", 1);
  EXPECT_EQ(ProgressFor(theirs_, false).style, ProgressStyle::kPlain);
  setenv("TERM", "xterm", 1);
  int pipe_ends[2];
  ASSERT_EQ(pipe2(pipe_ends, O_CLOEXEC), 0);
  EXPECT_EQ(ProgressFor(pipe_ends[1], false).style, ProgressStyle::kPlain);
  close(pipe_ends[0]);
  close(pipe_ends[1]);
}

}  // namespace
}  // namespace bpa::controller
