// LinuxHost::MeasureRoom and ReadLogPage.
#include <sys/statvfs.h>

#include <string>

#include "agent/executor/linux_host.h"
#include "tests/agent/executor/linux/machine.h"
#include "tests/status_matchers.h"

namespace bpa::executor {
namespace {

constexpr uint64_t kMiB = 1 << 20;
// Of this file alone: the kernel mounts no XFS twice, and the tests run side by side.
constexpr const char* kUuid = "0f9fd8f3-6dd2-4b3c-9f4e-0a6a2b1c3d05";

TEST(MeasureTest, TellsTheRoomOfAMountedFilesystem) {
  LinuxHost host;
  const LoopDisk disk(512 * kMiB);
  ASSERT_THAT(host.Format(disk.disk(), Filesystem::kExt4, kUuid, false), IsOk());
  const Scratch scratch;
  const TestMount mount(disk.node(), scratch.path(), "ext4");
  const absl::StatusOr<FilesystemRoom> before = host.MeasureRoom(scratch.path());
  ASSERT_THAT(before, IsOk());
  EXPECT_GT(before->bytes, 400 * kMiB);
  EXPECT_LE(before->bytes, 512 * kMiB);
  EXPECT_LT(before->available_bytes, before->bytes);
  EXPECT_GT(before->inodes, 1000u);
  WriteFile(scratch / "file", std::string(8 * kMiB, 'x'));
  const absl::StatusOr<FilesystemRoom> after = host.MeasureRoom(scratch.path());
  ASSERT_THAT(after, IsOk());
  EXPECT_LE(after->available_bytes, before->available_bytes - 8 * kMiB);
  EXPECT_EQ(after->available_inodes, before->available_inodes - 1);
  EXPECT_THAT(
      host.MeasureRoom(scratch / "none").status(),
      testing::StatusIs(absl::StatusCode::kNotFound, ::testing::HasSubstr(scratch / "none")));
}

TEST(MeasureTest, SaysThatADiskHasNoLogPages) {
  LinuxHost host;
  const LoopDisk disk(16 * kMiB);
  EXPECT_THAT(host.ReadLogPage(disk.disk(), 0xD0).status(),
              testing::StatusIs(absl::StatusCode::kNotFound, ::testing::HasSubstr(disk.node())));
}

}  // namespace
}  // namespace bpa::executor
