// LinuxHost::ReplaceFile, beyond what the contract suite asks of every host.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "agent/executor/linux_host.h"
#include "tests/agent/executor/linux/machine.h"

namespace bpa::executor {
namespace {

class ReplaceFileTest : public testing::Test {
 protected:
  Scratch scratch_;
  LinuxHost host_;
};

TEST_F(ReplaceFileTest, KeepsModeOwnerAndExtendedAttributes) {
  const std::string path = scratch_ / "fstab";
  WriteFile(path, "old");
  ASSERT_EQ(chown(path.c_str(), 12, 34), 0);
  ASSERT_EQ(chmod(path.c_str(), 0640), 0);
  ASSERT_EQ(setxattr(path.c_str(), "user.note", "kept", 4, 0), 0);
  Shell("setfacl -m u:99:r " + path);
  const FileInfo before = host_.Inspect(path).value();
  ASSERT_THAT(host_.ReplaceFile(path, "old", "new"), IsOk());
  EXPECT_EQ(ReadAll(path), "new");
  EXPECT_EQ(host_.Inspect(path).value(), before);
  std::array<char, 16> note = {};
  EXPECT_EQ(getxattr(path.c_str(), "user.note", note.data(), note.size()), 4);
  EXPECT_STREQ(note.data(), "kept");
  EXPECT_GT(getxattr(path.c_str(), "system.posix_acl_access", nullptr, 0), 0);
}

TEST_F(ReplaceFileTest, GivesANewFileMode0644WhateverTheUmask) {
  const mode_t old = umask(0077);
  ASSERT_THAT(host_.ReplaceFile(scratch_ / "new", std::nullopt, "x"), IsOk());
  umask(old);
  EXPECT_EQ(host_.Inspect(scratch_ / "new")->mode, 0644U);
}

TEST_F(ReplaceFileTest, TakesAwayWhatACrashLeft) {
  WriteFile(scratch_ / ".fstab.bpa-new", "half a li");
  ASSERT_THAT(host_.ReplaceFile(scratch_ / "fstab", std::nullopt, "whole"), IsOk());
  EXPECT_EQ(ReadAll(scratch_ / "fstab"), "whole");
  EXPECT_FALSE(std::filesystem::exists(scratch_ / ".fstab.bpa-new"));
}

TEST_F(ReplaceFileTest, DoesNotWriteThroughALink) {
  WriteFile(scratch_ / "target", "old");
  ASSERT_EQ(symlink("target", (scratch_ / "fstab").c_str()), 0);
  ASSERT_EQ(symlink("target", (scratch_ / ".other.bpa-new").c_str()), 0);
  EXPECT_THAT(host_.ReplaceFile(scratch_ / "fstab", "old", "new"),
              FailsWith(absl::StatusCode::kFailedPrecondition, "symbolic link"));
  EXPECT_THAT(host_.ReplaceFile(scratch_ / "other", std::nullopt, "new"), IsOk());
  EXPECT_EQ(ReadAll(scratch_ / "target"), "old");
}

TEST_F(ReplaceFileTest, LeavesNothingBehindWhenTheFileIsAMountPoint) {
  WriteFile(scratch_ / "fstab", "old");
  WriteFile(scratch_ / "bound", "old");
  const TestMount mount(scratch_ / "bound", scratch_ / "fstab", "", MS_BIND);
  EXPECT_FALSE(host_.ReplaceFile(scratch_ / "fstab", "old", "new").ok());
  EXPECT_EQ(ReadAll(scratch_ / "fstab"), "old");
  EXPECT_FALSE(std::filesystem::exists(scratch_ / ".fstab.bpa-new"));
}

TEST_F(ReplaceFileTest, LosesNoUpdateOfSeveralWriters) {
  const std::string path = scratch_ / "counter";
  WriteFile(path, "0");
  std::vector<std::thread> writers;
  for (int i = 0; i < 4; ++i) {
    writers.emplace_back([this, &path] {
      for (int done = 0; done < 25;) {
        const std::string value = host_.ReadFile(path, 100).value();
        int number = 0;
        ASSERT_TRUE(absl::SimpleAtoi(value, &number));
        const absl::Status status = host_.ReplaceFile(path, value, absl::StrCat(number + 1));
        ASSERT_TRUE(status.ok() || absl::IsAborted(status)) << status;
        done += status.ok() ? 1 : 0;
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  EXPECT_EQ(ReadAll(path), "100");
}

TEST_F(ReplaceFileTest, WaitsForAnotherProcessOfOurs) {
  WriteFile(scratch_ / "fstab", "old");
  const int directory = open(scratch_.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  ASSERT_EQ(flock(directory, LOCK_EX), 0);
  std::thread writer([this] {
    EXPECT_THAT(host_.ReplaceFile(scratch_ / "fstab", "changed meanwhile", "new"), IsOk());
  });
  WriteFile(scratch_ / "fstab", "changed meanwhile");
  close(directory);
  writer.join();
  EXPECT_EQ(ReadAll(scratch_ / "fstab"), "new");
}

TEST_F(ReplaceFileTest, IsWholeAtEveryMomentOfAKill) {
  const std::string path = scratch_ / "fstab";
  const std::string a(100000, 'a');
  const std::string b(100000, 'b');
  WriteFile(path, a);
  int killed = 0;
  for (int round = 0; round < 40; ++round) {
    killed += KilledAfter(200 + 137 * round, [&] {
      for (;;) {
        static_cast<void>(host_.ReplaceFile(path, a, b));
        static_cast<void>(host_.ReplaceFile(path, b, a));
      }
    });
    const std::string now = ReadAll(path);
    ASSERT_TRUE(now == a || now == b) << now.size() << " bytes";
    ASSERT_THAT(host_.ReplaceFile(path, now, a), IsOk());
  }
  EXPECT_EQ(killed, 40);
}

}  // namespace
}  // namespace bpa::executor
