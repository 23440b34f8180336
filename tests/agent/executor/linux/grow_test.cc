// LinuxHost::Grow and MountedFilesystemSize.
#include <linux/capability.h>

#include <string>

#include "agent/executor/linux_host.h"
#include "tests/agent/executor/linux/machine.h"

namespace bpa::executor {
namespace {

constexpr uint64_t kMiB = 1 << 20;
// Of this file alone: the kernel mounts no XFS twice, and the tests run side by side.
constexpr const char* kUuid = "0f9fd8f3-6dd2-4b3c-9f4e-0a6a2b1c3d04";

bool HasCapability(int capability) {
  const std::string status = ReadAll("/proc/self/status");
  const std::string name = "CapEff:\t";
  const std::string bits = status.substr(status.find(name) + name.size(), 16);
  return (std::stoull(bits, nullptr, 16) >> capability & 1) != 0;
}

class GrowTest : public testing::TestWithParam<Filesystem> {
 protected:
  LinuxHost host_;
};

TEST_P(GrowTest, GrowsAMountedFilesystemToItsEnlargedDevice) {
  const LoopDisk disk(512 * kMiB);
  ASSERT_THAT(host_.Format(disk.disk(), GetParam(), kUuid, false), IsOk());
  const Scratch scratch;
  const TestMount mount(disk.node(), scratch.path(), std::string(FilesystemName(GetParam())));
  WriteFile(scratch / "file", "kept");
  EXPECT_EQ(host_.MountedFilesystemSize(scratch.path()).value(), 512 * kMiB);
  EXPECT_EQ(host_.ProbeDisk(disk.disk())->filesystem_bytes, 512 * kMiB);
  disk.Resize(768 * kMiB);
  EXPECT_EQ(host_.MountedFilesystemSize(scratch.path()).value(), 512 * kMiB);
  const absl::Status grown = host_.Grow(scratch.path());
  if (GetParam() == Filesystem::kExt4 && !HasCapability(CAP_SYS_RESOURCE)) {
    // ext4 asks for it, and some containers do not have it.
    EXPECT_THAT(grown, FailsWith(absl::StatusCode::kPermissionDenied, "EXT4_IOC_RESIZE_FS"));
    EXPECT_EQ(host_.MountedFilesystemSize(scratch.path()).value(), 512 * kMiB);
    return;
  }
  ASSERT_THAT(grown, IsOk());
  EXPECT_EQ(host_.MountedFilesystemSize(scratch.path()).value(), 768 * kMiB);
  EXPECT_EQ(ReadAll(scratch / "file"), "kept");
  EXPECT_THAT(host_.Grow(scratch.path()), IsOk()) << "a second time";
  EXPECT_EQ(host_.MountedFilesystemSize(scratch.path()).value(), 768 * kMiB);
}

INSTANTIATE_TEST_SUITE_P(Filesystems, GrowTest,
                         testing::Values(Filesystem::kXfs, Filesystem::kExt4),
                         [](const testing::TestParamInfo<Filesystem>& test) {
                           return std::string(FilesystemName(test.param));
                         });

TEST(GrowOtherTest, RefusesOtherFilesystems) {
  LinuxHost host;
  const Scratch scratch;
  const TestMount mount("tmpfs", scratch.path(), "tmpfs");
  EXPECT_THAT(host.MountedFilesystemSize(scratch.path()),
              FailsWith(absl::StatusCode::kFailedPrecondition, "neither xfs nor ext4"));
  EXPECT_THAT(host.Grow(scratch.path()),
              FailsWith(absl::StatusCode::kFailedPrecondition, "neither xfs nor ext4"));
}

}  // namespace
}  // namespace bpa::executor
