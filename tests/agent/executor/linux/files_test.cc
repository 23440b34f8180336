// LinuxHost's single files and directories, beyond what the contract suite asks of every host.
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "agent/executor/linux_host.h"
#include "tests/agent/executor/linux/machine.h"

namespace bpa::executor {
namespace {

class FilesTest : public testing::Test {
 protected:
  uint64_t Device(const std::string& path) { return host_.Inspect(path).value().device; }

  Scratch scratch_;
  LinuxHost host_;
};

TEST_F(FilesTest, MakesDirectoriesWithTheExactModeWhateverTheUmask) {
  const mode_t old = umask(0077);
  EXPECT_THAT(host_.MakeDirectory(scratch_ / "wide", 0777, std::nullopt), IsOk());
  umask(0);
  EXPECT_THAT(host_.MakeDirectory(scratch_ / "narrow", 0700, std::nullopt), IsOk());
  EXPECT_THAT(host_.MakeDirectory(scratch_ / "sticky", 01777, std::nullopt), IsOk());
  umask(old);
  EXPECT_EQ(host_.Inspect(scratch_ / "wide")->mode, 0777U);
  EXPECT_EQ(host_.Inspect(scratch_ / "narrow")->mode, 0700U);
  EXPECT_EQ(host_.Inspect(scratch_ / "sticky")->mode, 01777U);
}

TEST_F(FilesTest, MakesDirectoriesWithTheExactModeBelowASetgidParentWithADefaultAcl) {
  ASSERT_EQ(chmod(scratch_.path().c_str(), 02755), 0);
  Shell("setfacl -d -m u::r-x,g::---,o::--- " + scratch_.path());
  ASSERT_THAT(host_.MakeDirectory(scratch_ / "made", 0775, std::nullopt), IsOk());
  EXPECT_EQ(host_.Inspect(scratch_ / "made")->mode, 0775U);
}

TEST_F(FilesTest, MakesNothingOnAnotherFilesystemThanTheWantedOne) {
  ASSERT_EQ(mkdir((scratch_ / "opt").c_str(), 0755), 0);
  uint64_t wanted = 0;
  {
    const TestMount mount("tmpfs", scratch_ / "opt", "tmpfs");
    wanted = Device(scratch_ / "opt");
    EXPECT_THAT(host_.MakeDirectory(scratch_ / "opt/data", 0755, wanted), IsOk());
  }
  // The mount went away: what lies beneath it must stay empty.
  EXPECT_THAT(host_.MakeDirectory(scratch_ / "opt/data", 0755, wanted),
              FailsWith(absl::StatusCode::kFailedPrecondition, "the volume is not mounted there"));
  EXPECT_TRUE(std::filesystem::is_empty(scratch_ / "opt"));
}

TEST_F(FilesTest, SaysWhatIsWrongOnAReadOnlyFilesystem) {
  const TestMount mount("tmpfs", scratch_.path(), "tmpfs", MS_RDONLY);
  const absl::Status status = host_.MakeDirectory(scratch_ / "data", 0755, std::nullopt);
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("Read-only file system"));
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr(scratch_ / "data"));
  const absl::Status replaced = host_.ReplaceFile(scratch_ / "fstab", std::nullopt, "x");
  EXPECT_THAT(std::string(replaced.message()), testing::HasSubstr("Read-only file system"));
}

TEST_F(FilesTest, TellsWhatKeepsAFileFromBeingReplaced) {
  {
    const TestMount mount("tmpfs", scratch_.path(), "tmpfs", MS_RDONLY);
    EXPECT_THAT(host_.CheckReplaceable(scratch_ / "fstab"),
                FailsWith(absl::StatusCode::kFailedPrecondition, "Read-only file system; remount"));
  }
  const LoopDisk disk(8 << 20);
  Shell("mkfs.ext4 -q " + disk.node());
  const TestMount mount(disk.node(), scratch_.path(), "ext4");
  WriteFile(scratch_ / "fstab", "before");
  for (const std::string& immutable : {scratch_ / "fstab", scratch_.path()}) {
    Shell("chattr +i " + immutable);
    EXPECT_THAT(host_.CheckReplaceable(scratch_ / "fstab"),
                FailsWith(absl::StatusCode::kFailedPrecondition, "chattr -i"));
    EXPECT_FALSE(host_.ReplaceFile(scratch_ / "fstab", "before", "after").ok());
    Shell("chattr -i " + immutable);
    EXPECT_THAT(host_.CheckReplaceable(scratch_ / "fstab"), IsOk());
  }
  EXPECT_EQ(ReadAll(scratch_ / "fstab"), "before");
}

TEST_F(FilesTest, SaysWhatIsWrongOnAFullDisk) {
  const LoopDisk disk(2 << 20);
  Shell("mkfs.ext4 -q -N 16 -O ^has_journal " + disk.node());
  const TestMount mount(disk.node(), scratch_.path(), "ext4");
  WriteFile(scratch_ / "fstab", "before");
  absl::Status status;
  int made = 0;
  for (; made < 64 && status.ok(); ++made) {
    status = host_.MakeDirectory(scratch_ / absl::StrCat("d", made), 0755, std::nullopt);
  }
  EXPECT_THAT(status, FailsWith(absl::StatusCode::kResourceExhausted, "No space left on device"));
  EXPECT_THAT(host_.ReplaceFile(scratch_ / "fstab", "before", std::string(8 << 20, 'x')),
              FailsWith(absl::StatusCode::kResourceExhausted, "No space left on device"));
  EXPECT_EQ(ReadAll(scratch_ / "fstab"), "before");
  EXPECT_FALSE(std::filesystem::exists(scratch_ / ".fstab.bpa-new"));
}

// The race that path strings lose: a directory of the path turns into a link between check and use.
TEST_F(FilesTest, NeverMakesADirectoryThroughALinkThatIsSwappedIn) {
  for (const char* name : {"victim", "place"}) ASSERT_EQ(mkdir((scratch_ / name).c_str(), 0755), 0);
  ASSERT_EQ(symlink((scratch_ / "victim").c_str(), (scratch_ / "link").c_str()), 0);
  std::atomic<bool> stop = false;
  std::thread swapper([&] {
    const std::string link = scratch_ / "link";
    const std::string place = scratch_ / "place";
    while (!stop) {
      syscall(SYS_renameat2, AT_FDCWD, link.c_str(), AT_FDCWD, place.c_str(), RENAME_EXCHANGE);
    }
  });
  int made = 0;
  int refused = 0;
  for (int i = 0; i < 200000 && (i < 3000 || made == 0 || refused == 0); ++i) {
    const absl::Status status =
        host_.MakeDirectory(scratch_ / absl::StrCat("place/d", i), 0777, std::nullopt);
    made += status.ok() ? 1 : 0;
    refused += absl::IsFailedPrecondition(status) ? 1 : 0;
    // What already is a directory may meanwhile be reached by its other name only.
    EXPECT_TRUE(status.ok() || absl::IsFailedPrecondition(status)) << status;
  }
  stop = true;
  swapper.join();
  EXPECT_TRUE(std::filesystem::is_empty(scratch_ / "victim"));
  EXPECT_GT(made, 0);
  EXPECT_GT(refused, 0);
}

TEST_F(FilesTest, NeverChangesModeOrOwnerThroughALinkThatIsSwappedIn) {
  for (const char* name : {"victim", "place"}) ASSERT_EQ(mkdir((scratch_ / name).c_str(), 0700), 0);
  ASSERT_EQ(symlink((scratch_ / "victim").c_str(), (scratch_ / "link").c_str()), 0);
  std::atomic<bool> stop = false;
  std::thread swapper([&] {
    const std::string link = scratch_ / "link";
    const std::string place = scratch_ / "place";
    while (!stop) {
      syscall(SYS_renameat2, AT_FDCWD, link.c_str(), AT_FDCWD, place.c_str(), RENAME_EXCHANGE);
    }
  });
  int changed = 0;
  int refused = 0;
  for (int i = 0; i < 200000 && (i < 3000 || changed == 0 || refused == 0); ++i) {
    changed += host_.SetMode(scratch_ / "place", 0777).ok() ? 1 : 0;
    refused += host_.SetOwner(scratch_ / "place", 1, 1).ok() ? 0 : 1;
  }
  stop = true;
  swapper.join();
  EXPECT_EQ(host_.Inspect(scratch_ / "victim")->mode, 0700U);
  EXPECT_EQ(host_.Inspect(scratch_ / "victim")->uid, 0U);
  EXPECT_GT(changed, 0);
  EXPECT_GT(refused, 0);
}

TEST_F(FilesTest, DoesNotWaitForTheOtherEndOfAFifo) {
  ASSERT_EQ(mkfifo((scratch_ / "fifo").c_str(), 0600), 0);
  EXPECT_THAT(host_.ReadFile(scratch_ / "fifo", 10),
              FailsWith(absl::StatusCode::kFailedPrecondition, "not a regular file"));
  EXPECT_THAT(host_.ReplaceFile(scratch_ / "fifo", "", "x"),
              FailsWith(absl::StatusCode::kFailedPrecondition, "not a regular file"));
  EXPECT_EQ(host_.Inspect(scratch_ / "fifo")->type, FileType::kOther);
}

TEST_F(FilesTest, RenamesOnlyWithinOneFilesystem) {
  ASSERT_EQ(mkdir((scratch_ / "mounted").c_str(), 0755), 0);
  ASSERT_EQ(mkdir((scratch_ / "tree").c_str(), 0755), 0);
  const TestMount mount("tmpfs", scratch_ / "mounted", "tmpfs");
  EXPECT_THAT(host_.Rename(scratch_ / "tree", scratch_ / "mounted/tree"),
              FailsWith(absl::StatusCode::kFailedPrecondition, "another filesystem"));
  EXPECT_TRUE(std::filesystem::exists(scratch_ / "tree"));
}

TEST_F(FilesTest, TellsFilesystemsApartByTheirDevice) {
  ASSERT_EQ(mkdir((scratch_ / "mounted").c_str(), 0755), 0);
  const uint64_t before = Device(scratch_ / "mounted");
  const TestMount mount("tmpfs", scratch_ / "mounted", "tmpfs");
  EXPECT_NE(Device(scratch_ / "mounted"), before);
}

}  // namespace
}  // namespace bpa::executor
