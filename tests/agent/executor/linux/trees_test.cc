// LinuxHost::RemoveTree and SummarizeTree, beyond what the contract suite asks of every host.
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "agent/executor/linux_host.h"
#include "tests/agent/executor/linux/machine.h"

namespace bpa::executor {
namespace {

class TreesTest : public testing::Test {
 protected:
  TreesTest() { EXPECT_EQ(mkdir((scratch_ / "tree").c_str(), 0755), 0); }

  std::string Digest() { return host_.SummarizeTree(scratch_ / "tree").value().digest; }

  Scratch scratch_;
  LinuxHost host_;
};

// Deeper than any path, than the stack and than the limit of open files.
TEST_F(TreesTest, RemovesATreeDeeperThanAnyPath) {
  int fd = open((scratch_ / "tree").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  for (int depth = 0; depth < 5000; ++depth) {
    ASSERT_EQ(mkdirat(fd, "deep", 0755), 0);
    const int next = openat(fd, "deep", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    close(fd);
    fd = next;
    ASSERT_GE(fd, 0);
  }
  close(fd);
  EXPECT_EQ(host_.SummarizeTree(scratch_ / "tree")->entries, 5000U);
  EXPECT_THAT(host_.RemoveTree(scratch_ / "tree"), IsOk());
  EXPECT_FALSE(std::filesystem::exists(scratch_ / "tree"));
}

TEST_F(TreesTest, RemovesALinkAndNotWhatItPointsTo) {
  ASSERT_EQ(mkdir((scratch_ / "outside").c_str(), 0755), 0);
  WriteFile(scratch_ / "outside/file", "x");
  ASSERT_EQ(symlink("../outside", (scratch_ / "tree/link").c_str()), 0);
  ASSERT_THAT(host_.RemoveTree(scratch_ / "tree"), IsOk());
  EXPECT_EQ(ReadAll(scratch_ / "outside/file"), "x");
}

TEST_F(TreesTest, RemovesNothingWhenAMountIsBelow) {
  ASSERT_EQ(mkdir((scratch_ / "tree/mounted").c_str(), 0755), 0);
  WriteFile(scratch_ / "tree/a", "x");
  const TestMount mount("tmpfs", scratch_ / "tree/mounted", "tmpfs");
  WriteFile(scratch_ / "tree/mounted/b", "x");
  EXPECT_THAT(
      host_.RemoveTree(scratch_ / "tree"),
      FailsWith(absl::StatusCode::kFailedPrecondition, scratch_ / "tree/mounted is a mount point"));
  EXPECT_TRUE(std::filesystem::exists(scratch_ / "tree/a"));
  EXPECT_TRUE(std::filesystem::exists(scratch_ / "tree/mounted/b"));
  EXPECT_THAT(host_.SummarizeTree(scratch_ / "tree"),
              FailsWith(absl::StatusCode::kFailedPrecondition, "is a mount point"));
}

TEST_F(TreesTest, DoesNotRemoveAMountPoint) {
  const TestMount mount("tmpfs", scratch_ / "tree", "tmpfs");
  WriteFile(scratch_ / "tree/b", "x");
  EXPECT_THAT(host_.RemoveTree(scratch_ / "tree"),
              FailsWith(absl::StatusCode::kFailedPrecondition, "is a mount point"));
  EXPECT_TRUE(std::filesystem::exists(scratch_ / "tree/b"));
}

// A bind mount within one filesystem has the same device number.
TEST_F(TreesTest, TakesABindMountForAMount) {
  for (const char* name : {"outside", "tree/bound"}) {
    ASSERT_EQ(mkdir((scratch_ / name).c_str(), 0755), 0);
  }
  WriteFile(scratch_ / "outside/file", "x");
  const TestMount mount(scratch_ / "outside", scratch_ / "tree/bound", "", MS_BIND);
  EXPECT_THAT(host_.RemoveTree(scratch_ / "tree"),
              FailsWith(absl::StatusCode::kFailedPrecondition, "is a mount point"));
  EXPECT_TRUE(std::filesystem::exists(scratch_ / "outside/file"));
}

TEST_F(TreesTest, FinishesARemovalThatWasKilled) {
  int killed = 0;
  for (int round = 0; round < 10; ++round) {
    Shell("mkdir -p " + (scratch_ / "tree/{a,b}") + " 2>/dev/null; cd " + (scratch_ / "tree") +
          " && for i in $(seq 40); do mkdir -p d$i/e && touch d$i/f d$i/e/g; done");
    killed += KilledAfter(100 * round,
                          [this] { static_cast<void>(host_.RemoveTree(scratch_ / "tree")); });
    ASSERT_THAT(host_.RemoveTree(scratch_ / "tree"), IsOk());
    ASSERT_FALSE(std::filesystem::exists(scratch_ / "tree"));
  }
  EXPECT_GT(killed, 0);
}

TEST_F(TreesTest, FollowsNoLinkThatReplacesADirectoryMeanwhile) {
  ASSERT_EQ(mkdir((scratch_ / "outside").c_str(), 0755), 0);
  WriteFile(scratch_ / "outside/file", "x");
  std::atomic<bool> stop = false;
  std::thread swapper([&] {
    const std::string sub = scratch_ / "tree/sub";
    while (!stop) {
      mkdir(sub.c_str(), 0755);
      rmdir(sub.c_str());
      if (symlink((scratch_ / "outside").c_str(), sub.c_str()) == 0) unlink(sub.c_str());
    }
  });
  for (int i = 0; i < 500; ++i) {
    mkdir((scratch_ / "tree").c_str(), 0755);
    static_cast<void>(host_.RemoveTree(scratch_ / "tree"));
  }
  stop = true;
  swapper.join();
  EXPECT_EQ(ReadAll(scratch_ / "outside/file"), "x");
}

TEST_F(TreesTest, SummarizesWhatCountsAndNothingElse) {
  ASSERT_EQ(mkdir((scratch_ / "tree/dir").c_str(), 0755), 0);
  WriteFile(scratch_ / "tree/dir/file", "12345");
  ASSERT_EQ(symlink("dir", (scratch_ / "tree/link").c_str()), 0);
  const TreeSummary summary = host_.SummarizeTree(scratch_ / "tree").value();
  EXPECT_EQ(summary.entries, 3U);
  EXPECT_EQ(summary.bytes, 5U);
  EXPECT_EQ(summary.digest.size(), 32U);
  EXPECT_EQ(ReadAll(scratch_ / "tree/dir/file"), "12345");
  EXPECT_EQ(Digest(), summary.digest) << "reading must not change it";
}

TEST_F(TreesTest, ChangesTheDigestWithEveryAttribute) {
  const std::string file = scratch_ / "tree/file";
  WriteFile(file, "12345");
  std::vector<std::string> digests = {Digest()};
  ASSERT_EQ(chmod(file.c_str(), 0600), 0);
  digests.push_back(Digest());
  ASSERT_EQ(chown(file.c_str(), 1, 0), 0);
  digests.push_back(Digest());
  ASSERT_EQ(chown(file.c_str(), 1, 1), 0);
  digests.push_back(Digest());
  const timespec times[2] = {{1, 0}, {1, 1}};
  ASSERT_EQ(utimensat(AT_FDCWD, file.c_str(), times, 0), 0);
  digests.push_back(Digest());
  ASSERT_EQ(rename(file.c_str(), (scratch_ / "tree/other").c_str()), 0);
  const timespec same[2] = {{2, 0}, {1, 1}};
  ASSERT_EQ(utimensat(AT_FDCWD, (scratch_ / "tree/other").c_str(), same, 0), 0);
  digests.push_back(Digest());
  for (size_t i = 1; i < digests.size(); ++i) EXPECT_NE(digests[i], digests[i - 1]) << i;
}

}  // namespace
}  // namespace bpa::executor
