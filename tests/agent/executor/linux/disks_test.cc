// LinuxHost's disks by serial and by node, and mounting from fstab, on a /dev and a /sys/block of
// the test's own.
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "agent/executor/linux_host.h"
#include "tests/agent/executor/linux/machine.h"

namespace bpa::executor {
namespace {

constexpr uint64_t kMiB = 1 << 20;
// Of this file alone: the kernel mounts no XFS twice, and the tests run side by side.
constexpr const char* kUuid = "0f9fd8f3-6dd2-4b3c-9f4e-0a6a2b1c3d02";

// An instance with one EBS volume: /dev/nvme1n1 is a loop device.
class DisksTest : public testing::Test {
 protected:
  DisksTest() : disk_(512 * kMiB), number_(disk_.disk().device_number) {
    dev_ = std::make_unique<TestMount>("tmpfs", "/dev", "tmpfs");
    block_ = std::make_unique<TestMount>("tmpfs", "/sys/block", "tmpfs");
    EXPECT_EQ(mknod("/dev/null", S_IFCHR | 0666, makedev(1, 3)), 0);
    EXPECT_EQ(mknod("/dev/nvme1n1", S_IFBLK | 0600, number_), 0);
    AddSysfs("nvme1n1", "vol0fab1d5e3f72a5e23 ");
    Shell(
        "mkdir -p /sys/block/zram0 /sys/block/nvme9n1/device; echo volgone > "
        "/sys/block/nvme9n1/device/serial");
  }
  static void AddSysfs(const std::string& name, const std::string& serial) {
    const std::string device = absl::StrCat("/sys/block/", name, "/device");
    Shell("mkdir -p " + device);
    WriteFile(device + "/serial", serial + "\n");
    WriteFile(device + "/model", "Amazon Elastic Block Store              \n");
  }
  Disk Volume() {
    return {.node = "/dev/nvme1n1",
            .device_number = number_,
            .serial = "vol0fab1d5e3f72a5e23",
            .model = "Amazon Elastic Block Store",
            .size_bytes = 512 * kMiB};
  }

  LinuxHost host_;
  LoopDisk disk_;
  uint64_t number_;
  std::unique_ptr<TestMount> dev_;
  std::unique_ptr<TestMount> block_;
};

TEST_F(DisksTest, ListsWholeDisksWithASerialAndANode) {
  const absl::StatusOr<std::vector<Disk>> disks = host_.ListDisks();
  ASSERT_THAT(disks, IsOk());
  EXPECT_THAT(*disks, testing::ElementsAre(Volume()));
}

TEST_F(DisksTest, ListsEveryDiskThatClaimsASerial) {
  ASSERT_EQ(mknod("/dev/nvme2n1", S_IFBLK | 0600, number_), 0);
  AddSysfs("nvme2n1", "vol0fab1d5e3f72a5e23");
  EXPECT_EQ(host_.ListDisks()->size(), 2U) << "which of them is meant is not for the host to say";
}

TEST_F(DisksTest, FindsADiskByNodeAndByUdevsLinks) {
  EXPECT_EQ(host_.FindDisk("/dev/nvme1n1").value(), Volume());
  Shell("mkdir -p /dev/disk/by-id && ln -s ../../nvme1n1 /dev/disk/by-id/nvme-vol");
  EXPECT_EQ(host_.FindDisk("/dev/disk/by-id/nvme-vol").value(), Volume());
  ASSERT_EQ(mknod("/dev/plain", S_IFBLK | 0600, number_), 0);
  EXPECT_EQ(host_.FindDisk("/dev/plain")->serial, "");
}

TEST_F(DisksTest, RefusesNodesThatAreNoWholeDisks) {
  EXPECT_THAT(host_.FindDisk("/dev/none"), FailsWith(absl::StatusCode::kNotFound, "/dev/none"));
  EXPECT_THAT(host_.FindDisk("/dev/null"),
              FailsWith(absl::StatusCode::kFailedPrecondition, "not a block device"));
  disk_.AddPartition();
  struct stat info = {};
  const std::string sysfs = absl::StrCat("/sys/dev/block/", major(number_), ":", minor(number_),
                                         "/loop", minor(number_), "p1/dev");
  const std::string numbers = ReadAll(sysfs);
  Shell("mknod /dev/nvme1n1p1 b " + numbers.substr(0, numbers.find(':')) + " " +
        numbers.substr(numbers.find(':') + 1));
  ASSERT_EQ(stat("/dev/nvme1n1p1", &info), 0);
  EXPECT_THAT(host_.FindDisk("/dev/nvme1n1p1"),
              FailsWith(absl::StatusCode::kFailedPrecondition, "is a partition"));
  disk_.RemovePartition();
}

TEST_F(DisksTest, ProbesTheVolumeThatItListedAndNoOther) {
  EXPECT_EQ(host_.ProbeDisk(Volume())->content, DiskContent::kBlank);
  AddSysfs("nvme1n1", "vol0another");
  EXPECT_THAT(host_.ProbeDisk(Volume()),
              FailsWith(absl::StatusCode::kFailedPrecondition,
                        "its serial is vol0another and was vol0fab1d5e3f72a5e23"));
  EXPECT_THAT(host_.Format(Volume(), Filesystem::kXfs, kUuid, true),
              FailsWith(absl::StatusCode::kFailedPrecondition, "another disk"));
}

class FstabTest : public DisksTest {
 protected:
  FstabTest() {
    WriteFile(scratch_ / "fstab", "");
    EXPECT_EQ(mkdir((scratch_ / "opt").c_str(), 0755), 0);
    fstab_ = std::make_unique<TestMount>(scratch_ / "fstab", "/etc/fstab", "", MS_BIND);
  }
  void SetFstab(const std::string& source, const std::string& options) {
    WriteFile("/etc/fstab",
              absl::StrCat("# ours\n", source, " ", scratch_ / "opt", " xfs ", options, " 0 0\n"));
  }
  absl::Status Mount() { return host_.MountFromFstab(scratch_ / "opt"); }
  // What is mounted there now, or an empty entry.
  MountEntry Mounted() {
    const std::vector<MountEntry> mounts = host_.ReadMounts().value();
    const auto found = std::find_if(mounts.begin(), mounts.end(), [this](const MountEntry& mount) {
      return mount.mount_point == scratch_ / "opt";
    });
    return found == mounts.end() ? MountEntry{} : *found;
  }

  Scratch scratch_;
  std::unique_ptr<TestMount> fstab_;
};

TEST_F(FstabTest, MountsByUuidWithOptionsForOthersInTheLine) {
  ASSERT_THAT(host_.Format(Volume(), Filesystem::kXfs, kUuid, false), IsOk());
  SetFstab(absl::StrCat("UUID=", kUuid),
           "defaults,nofail,x-systemd.device-timeout=30,x-bpa.volume=vol-0fab1d5e3f72a5e23");
  ASSERT_THAT(Mount(), IsOk());
  EXPECT_EQ(Mounted().device_number, number_);
  EXPECT_EQ(Mounted().filesystem, "xfs");
  EXPECT_EQ(Mounted().root, "/");
  EXPECT_EQ(host_.MountedFilesystemSize(scratch_ / "opt").value(), 512 * kMiB);
  EXPECT_EQ(umount2((scratch_ / "opt").c_str(), 0), 0);
}

TEST_F(FstabTest, RefusesAUuidThatTwoDisksHave) {
  ASSERT_THAT(host_.Format(Volume(), Filesystem::kXfs, kUuid, false), IsOk());
  ASSERT_EQ(mknod("/dev/nvme2n1", S_IFBLK | 0600, number_), 0);
  AddSysfs("nvme2n1", "vol0clone");
  SetFstab(absl::StrCat("UUID=", kUuid), "defaults");
  EXPECT_THAT(Mount(), FailsWith(absl::StatusCode::kFailedPrecondition,
                                 "/dev/nvme1n1 and /dev/nvme2n1 both have a filesystem"));
  EXPECT_EQ(Mounted().mount_point, "");
}

TEST_F(FstabTest, SaysWhyItCannotMount) {
  EXPECT_THAT(Mount(), FailsWith(absl::StatusCode::kFailedPrecondition, "no entry for it"));
  SetFstab("/dev/nvme1n1", "defaults");
  EXPECT_THAT(Mount(), FailsWith(absl::StatusCode::kFailedPrecondition, "wrong fs type"));
  ASSERT_THAT(host_.Format(Volume(), Filesystem::kXfs, kUuid, false), IsOk());
  SetFstab("/dev/nvme1n1", "no_such_option");
  EXPECT_THAT(Mount(), FailsWith(absl::StatusCode::kFailedPrecondition, "bad option"));
  SetFstab("UUID=11111111-2222-3333-4444-555555555555", "defaults");
  EXPECT_THAT(Mount(), FailsWith(absl::StatusCode::kFailedPrecondition, "can't find UUID="));
  SetFstab("UUID=11111111-2222-3333-4444-555555555555", "defaults,nofail");
  EXPECT_THAT(Mount(), FailsWith(absl::StatusCode::kFailedPrecondition, "is not there"));
  EXPECT_EQ(Mounted().mount_point, "");
}

}  // namespace
}  // namespace bpa::executor
