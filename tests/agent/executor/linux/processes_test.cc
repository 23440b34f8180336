// LinuxHost::ProcessesUsing.
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "agent/executor/linux_host.h"
#include "tests/agent/executor/linux/machine.h"

namespace bpa::executor {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class ProcessesTest : public testing::Test {
 protected:
  ProcessesTest() : top_(scratch_ / "opt") {
    EXPECT_EQ(mkdir(top_.c_str(), 0755), 0);
    EXPECT_EQ(mkdir((top_ + "/data").c_str(), 0755), 0);
    WriteFile(top_ + "/data/log", "x");
  }

  std::vector<ProcessUse> Using() { return host_.ProcessesUsing(top_).value(); }

  Scratch scratch_;
  std::string top_;
  LinuxHost host_;
};

TEST_F(ProcessesTest, TellsReadersFromWriters) {
  const Child reader([this] { open((top_ + "/data/log").c_str(), O_RDONLY); });
  const Child writer([this] { open((top_ + "/data/log").c_str(), O_WRONLY | O_APPEND); });
  const std::vector<ProcessUse> uses = Using();
  ASSERT_THAT(uses, SizeIs(2));
  for (const ProcessUse& use : uses) {
    EXPECT_EQ(use.path, top_ + "/data/log");
    EXPECT_EQ(use.writing, use.pid == writer.pid());
    EXPECT_NE(use.command, "");
  }
}

TEST_F(ProcessesTest, CountsWorkingAndRootDirectoriesAndPrograms) {
  {
    const Child child([this] { EXPECT_EQ(chdir((top_ + "/data").c_str()), 0); });
    const std::vector<ProcessUse> uses = Using();
    ASSERT_THAT(uses, SizeIs(1));
    EXPECT_EQ(uses[0].pid, child.pid());
    EXPECT_TRUE(uses[0].writing);
  }
  {
    const Child child([this] { EXPECT_EQ(chroot((top_ + "/data").c_str()), 0); });
    ASSERT_THAT(Using(), SizeIs(1));
  }
  EXPECT_THAT(Using(), IsEmpty());
}

TEST_F(ProcessesTest, CountsTheDirectoryItselfAndFilesThatWereRemoved) {
  const Child child([this] {
    open(top_.c_str(), O_RDONLY | O_DIRECTORY);
    open((top_ + "/data/log").c_str(), O_RDWR);
    unlink((top_ + "/data/log").c_str());
  });
  EXPECT_THAT(Using(), SizeIs(2));
}

TEST_F(ProcessesTest, DoesNotCountNeighboursNorItself) {
  ASSERT_EQ(mkdir((top_ + "ional").c_str(), 0755), 0);
  const int own = open((top_ + "/data/log").c_str(), O_RDWR | O_CLOEXEC);
  const Child child([this, own] {
    close(own);
    EXPECT_EQ(chdir((top_ + "ional").c_str()), 0);
  });
  EXPECT_THAT(Using(), IsEmpty());
  close(own);
}

// What a container has of a host path goes by another name in its own mount namespace.
TEST_F(ProcessesTest, SeesContainersThatHaveItMountedElsewhere) {
  ASSERT_EQ(mkdir((scratch_ / "container").c_str(), 0755), 0);
  const Child kafka([this] {
    EXPECT_EQ(unshare(CLONE_NEWNS), 0);
    EXPECT_EQ(mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
    EXPECT_EQ(mount((top_ + "/data").c_str(), (scratch_ / "container").c_str(), nullptr, MS_BIND,
                    nullptr),
              0);
    open((scratch_ / "container/log").c_str(), O_WRONLY);
  });
  const Child unrelated([] {
    EXPECT_EQ(unshare(CLONE_NEWNS), 0);
    EXPECT_EQ(mount("tmpfs", "/opt", "tmpfs", 0, nullptr), 0);
    EXPECT_EQ(chdir("/opt"), 0);
  });
  const std::vector<ProcessUse> uses = Using();
  ASSERT_THAT(uses, SizeIs(1));
  EXPECT_EQ(uses[0].pid, kafka.pid());
  EXPECT_TRUE(uses[0].writing);
}

TEST_F(ProcessesTest, ToleratesProcessesThatComeAndGo) {
  std::atomic<bool> stop = false;
  std::thread forker([&stop] {
    while (!stop) KilledAfter(0, [] {});
  });
  for (int i = 0; i < 200; ++i) EXPECT_THAT(host_.ProcessesUsing(top_), IsOk());
  stop = true;
  forker.join();
}

TEST_F(ProcessesTest, RefusesAPathThroughALink) {
  ASSERT_EQ(symlink("opt", (scratch_ / "link").c_str()), 0);
  EXPECT_THAT(host_.ProcessesUsing(scratch_ / "link/data"),
              FailsWith(absl::StatusCode::kFailedPrecondition, "symbolic link"));
  EXPECT_THAT(host_.ProcessesUsing(scratch_ / "none"),
              FailsWith(absl::StatusCode::kNotFound, "none"));
}

}  // namespace
}  // namespace bpa::executor
