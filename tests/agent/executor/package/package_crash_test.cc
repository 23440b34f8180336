// Ended at any moment, the next run finds where it was and finishes.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/agent/executor/package/package_machine.h"

namespace bpa::executor {
namespace {

namespace fs = std::filesystem;

class PackageCrashTest : public testing::TestWithParam<const char*> {
 protected:
  void MakeVersion(int number, int files = 30) {
    fs::create_directories(machine_.In("images"));
    WriteFile(machine_.In("version"), absl::StrCat("8.", number));
    WriteFile(machine_.In("images/same.tar"), Noise(1, 300 * 1024));
    WriteFile(machine_.In("images/other.tar"), Noise(100 + number, 300 * 1024));
    for (int i = 0; i < files; ++i) {
      WriteFile(machine_.In(absl::StrCat("images/", number, "-", i)), Noise(i, 3000));
    }
  }

  // In a process of its own, which ends as by kill -9 before its nth step; true if it got so far.
  bool CrashesAt(int nth, const v1::Package& package) {
    const pid_t pid = fork();
    if (pid == 0) {
      int steps = 0;
      const auto source = machine_.Source();
      PackageRun run{.content = source.get()};
      run.step = [&](std::string_view) {
        if (steps++ == nth) kill(getpid(), SIGKILL);
      };
      _exit(machine_.Apply(package, run).ok() ? 0 : 1);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
    return WIFSIGNALED(status);
  }

  PackageMachine machine_{GetParam()};
};

TEST_P(PackageCrashTest, BetweenAnyTwoStepsOfAFirstPublication) {
  MakeVersion(1);
  const v1::Package package = machine_.Package("8.1");
  for (int nth = 0;; ++nth) {
    fs::remove_all(machine_.destination());
    fs::remove_all(machine_.store());
    const bool crashed = CrashesAt(nth, package);
    if (fs::exists(machine_.destination())) {
      EXPECT_EQ(Look(machine_.destination()), Look(machine_.source())) << "half visible";
    }
    ASSERT_THAT(machine_.Apply(package, machine_.Source().get()), IsOk()) << "step " << nth;
    EXPECT_EQ(Look(machine_.destination()), Look(machine_.source()));
    EXPECT_FALSE(fs::exists(machine_.store() + "/incoming"));
    if (!crashed) {
      EXPECT_GT(nth, 8) << "there are steps to crash at";
      break;
    }
  }
}

TEST_P(PackageCrashTest, BetweenAnyTwoStepsOfAnUpdate) {
  for (const bool keep : {false, true}) {
    for (int nth = 0;; ++nth) {
      fs::remove_all(machine_.destination());
      fs::remove_all(machine_.store());
      fs::remove_all(machine_.In("images"));
      MakeVersion(1);
      ASSERT_THAT(machine_.Stage("8.1"), IsOk());
      const std::string old_look = Look(machine_.destination());
      MakeVersion(2);
      v1::Package package = machine_.Package("8.2");
      package.set_keep_previous(keep);
      const bool crashed = CrashesAt(nth, package);
      const std::string seen = Look(machine_.destination());
      EXPECT_TRUE(seen == old_look || seen == Look(machine_.source())) << "half visible";
      ASSERT_THAT(machine_.Apply(package, machine_.Source().get()), IsOk()) << "step " << nth;
      EXPECT_EQ(Look(machine_.destination()), Look(machine_.source()));
      EXPECT_EQ(fs::exists(machine_.store() + "/previous"), keep) << "step " << nth;
      if (keep) {
        EXPECT_EQ(Look(machine_.store() + "/previous/tree"), old_look);
      }
      EXPECT_FALSE(fs::exists(machine_.store() + "/incoming"));
      EXPECT_FALSE(fs::exists(machine_.store() + "/removed"));
      if (!crashed) break;
    }
  }
}

TEST_P(PackageCrashTest, BetweenAnyTwoStepsOverATreeThatWasNeverOurs) {
  MakeVersion(1);
  const v1::Package package = machine_.Package("8.1");
  for (int nth = 0;; ++nth) {
    fs::remove_all(machine_.destination());
    fs::remove_all(machine_.store());
    fs::create_directory(machine_.destination());
    WriteFile(machine_.destination() + "/theirs", "precious");
    const bool crashed = CrashesAt(nth, package);
    ASSERT_THAT(machine_.Apply(package, machine_.Source().get()), IsOk()) << "step " << nth;
    EXPECT_EQ(Look(machine_.destination()), Look(machine_.source()));
    EXPECT_EQ(ReadAll(machine_.store() + "/previous/tree/theirs"), "precious") << "step " << nth;
    if (!crashed) break;
  }
}

TEST_P(PackageCrashTest, BetweenAnyTwoStepsOfARollback) {
  for (int nth = 0;; ++nth) {
    fs::remove_all(machine_.destination());
    fs::remove_all(machine_.store());
    fs::remove_all(machine_.In("images"));
    MakeVersion(1);
    v1::Package first = machine_.Package("8.1");
    ASSERT_THAT(machine_.Apply(first, machine_.Source().get()), IsOk());
    const std::string old_look = Look(machine_.destination());
    MakeVersion(2);
    v1::Package second = machine_.Package("8.2");
    second.set_keep_previous(true);
    ASSERT_THAT(machine_.Apply(second, machine_.Source().get()), IsOk());
    const std::string new_look = Look(machine_.destination());
    first.set_rollback(true);
    const bool crashed = CrashesAt(nth, first);
    const std::string seen = Look(machine_.destination());
    EXPECT_TRUE(seen == old_look || seen == new_look) << "half visible";
    ASSERT_THAT(machine_.Apply(first, nullptr), IsOk()) << "step " << nth;
    EXPECT_EQ(Look(machine_.destination()), old_look) << "step " << nth;
    EXPECT_EQ(Look(machine_.store() + "/previous/tree"), new_look) << "step " << nth;
    if (!crashed) break;
  }
}

TEST_P(PackageCrashTest, AtAnyMomentOfAKill) {
  MakeVersion(1, 300);
  const v1::Package package = machine_.Package("8.1");
  uint64_t kills = 0;
  for (int microseconds = 500; microseconds < 400 * 1000; microseconds += microseconds / 2) {
    fs::remove_all(machine_.destination());
    fs::remove_all(machine_.store());
    if (KilledAfter(microseconds, [&] {
          _exit(machine_.Apply(package, machine_.Source().get()).ok() ? 0 : 1);
        })) {
      ++kills;
    }
    if (fs::exists(machine_.destination())) {
      EXPECT_EQ(Look(machine_.destination()), Look(machine_.source())) << "half visible";
    }
    ASSERT_THAT(machine_.Apply(package, machine_.Source().get()), IsOk()) << microseconds;
    EXPECT_EQ(Look(machine_.destination()), Look(machine_.source()));
  }
  EXPECT_GT(kills, 2U);
}

INSTANTIATE_TEST_SUITE_P(Filesystems, PackageCrashTest, testing::Values("tmpfs", "xfs", "ext4"),
                         [](const testing::TestParamInfo<const char*>& test) {
                           return std::string(test.param);
                         });

}  // namespace
}  // namespace bpa::executor
