#include "controller/home_maker.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "controller/shipped_files.h"
#include "tests/controller/complete_home.h"
#include "tests/controller/scratch.h"

namespace bpa::controller {
namespace {

HomeOptions FourNodes() {
  HomeOptions options;
  options.bundles = true;
  options.cluster = "bpa-prod";
  for (const char* node : kFourNodes) {
    options.nodes.push_back(*ParseNodeArgument(node, static_cast<int>(options.nodes.size()) + 1));
  }
  options.policy = std::string(ShippedPolicy());
  return options;
}

// Runs MakeHome in a child that is killed by `die`, and waits for it.
template <typename Body>
int InChild(const Body& body) {
  const pid_t child = fork();
  if (child == 0) {
    body();
    _exit(0);
  }
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return status;
}

// Keys that exist after a kill are never replaced.
std::map<std::string, std::string> KeysOf(const std::string& home) {
  std::map<std::string, std::string> keys;
  if (!std::filesystem::exists(home)) return keys;
  for (const auto& [name, contents] : Tree(home)) {
    const bool is_temporary = name.find("/.") != std::string::npos || name.front() == '.';
    if (!is_temporary && name.ends_with(".key")) keys[name] = contents;
  }
  return keys;
}

void ExpectFinishedByTheNextRun(const std::string& home) {
  const auto keys = KeysOf(home);
  const auto finished = MakeHome(Home(home), FourNodes(), absl::Now(), [](const std::string&) {});
  ASSERT_TRUE(finished.ok()) << finished.status();
  ExpectCompleteHome(home);
  const auto all = KeysOf(home);
  for (const auto& [name, contents] : keys) EXPECT_EQ(all.at(name), contents) << name;
}

TEST(HomeMakerTest, KilledAfterAnyStepTheNextRunMakesTheRest) {
  const Scratch scratch;
  int steps = 0;
  ASSERT_TRUE(
      MakeHome(Home(scratch / "whole"), FourNodes(), absl::Now(), [&steps](const std::string&) {
        ++steps;
      }).ok());
  ASSERT_GE(steps, 12);
  for (int last = 1; last <= steps; ++last) {
    const std::string home = scratch / absl::StrCat("killed-", last);
    const int status = InChild([&home, last] {
      int step = 0;
      const auto die = [&step, last](const std::string&) {
        if (++step == last) raise(SIGKILL);
      };
      MakeHome(Home(home), FourNodes(), absl::Now(), die).IgnoreError();
    });
    ASSERT_TRUE(WIFSIGNALED(status)) << last;
    ExpectFinishedByTheNextRun(home);
  }
}

TEST(HomeMakerTest, KilledAtAnyMomentTheNextRunMakesTheRest) {
  const Scratch scratch;
  const absl::Time start = absl::Now();
  ASSERT_EQ(InChild([&scratch] {
              MakeHome(Home(scratch / "whole"), FourNodes(), absl::Now(), [](const std::string&) {
              }).IgnoreError();
            }),
            0);
  const absl::Duration whole = absl::Now() - start;
  constexpr int kMoments = 40;
  int killed = 0;
  for (int i = 0; i < kMoments; ++i) {
    const std::string home = scratch / absl::StrCat("moment-", i);
    const pid_t child = fork();
    if (child == 0) {
      MakeHome(Home(home), FourNodes(), absl::Now(), [](const std::string&) {}).IgnoreError();
      _exit(0);
    }
    absl::SleepFor(whole * i / kMoments);
    kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    if (WIFSIGNALED(status)) ++killed;
    ExpectFinishedByTheNextRun(home);
  }
  EXPECT_GT(killed, kMoments / 4);
}

}  // namespace
}  // namespace bpa::controller
