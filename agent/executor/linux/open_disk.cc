#include "agent/executor/linux/open_disk.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "agent/executor/linux/mountinfo.h"
#include "agent/executor/linux/sysfs.h"
#include "proto/trusted_file.h"

namespace bpa::executor {
namespace {

absl::Status Replaced(const Disk& disk, const std::string& what, const std::string& now,
                      const std::string& before) {
  return absl::FailedPreconditionError(
      absl::StrCat(disk.node, " is another disk than a moment ago: its ", what, " is ", now,
                   " and was ", before, "; run again"));
}

absl::Status CheckSerial(const Disk& disk) {
  // By name and by number: a name can be given to another device while this one is detached.
  const std::string name = disk.node.substr(disk.node.rfind('/') + 1);
  const std::string by_name = DeviceAttribute(absl::StrCat("/sys/block/", name, "/device/serial"));
  const std::string by_number =
      DeviceAttribute(DeviceDirectory(disk.device_number) + "/device/serial");
  if (by_name != disk.serial) return Replaced(disk, "serial", by_name, disk.serial);
  if (!by_number.empty() && by_number != disk.serial) {
    return Replaced(disk, "serial", by_number, disk.serial);
  }
  return absl::OkStatus();
}

// The mount point, or empty.
absl::StatusOr<std::string> MountedAt(const Disk& disk) {
  absl::StatusOr<std::vector<MountEntry>> mounts = ReadMountInfo("/proc/1/mountinfo");
  if (!mounts.ok()) return mounts.status();
  for (const MountEntry& mount : *mounts) {
    if (mount.device_number == disk.device_number) return mount.mount_point;
  }
  return std::string();
}

absl::StatusOr<bool> IsSwap(const Disk& disk) {
  absl::StatusOr<std::string> swaps = ReadKernelFile("/proc/swaps");
  if (absl::IsNotFound(swaps.status())) return false;  // a kernel without swap
  if (!swaps.ok()) return swaps.status();
  for (const absl::string_view line : absl::StrSplit(*swaps, '\n')) {
    const std::string path(line.substr(0, line.find(' ')));
    struct stat info = {};
    if (!path.empty() && path[0] == '/' && stat(path.c_str(), &info) == 0 &&
        S_ISBLK(info.st_mode) && info.st_rdev == disk.device_number) {
      return true;
    }
  }
  return false;
}

// Whether the device can be had for oneself. Another probe may have it for a moment, so a refusal
// counts only when it lasts.
absl::StatusOr<bool> CanBeHadExclusively(const Disk& disk, int fd) {
  for (int attempt = 0;; ++attempt) {
    const FileDescriptor exclusive(
        open(DescriptorPath(fd).c_str(), O_RDONLY | O_EXCL | O_CLOEXEC | O_NONBLOCK));
    if (exclusive.valid()) return true;
    if (errno != EBUSY) return ErrnoStatus(errno, "open O_EXCL", disk.node);
    if (attempt == 20) return false;
    absl::SleepFor(absl::Milliseconds(5));
  }
}

}  // namespace

absl::StatusOr<FileDescriptor> OpenDisk(const Disk& disk, int access) {
  // O_NONBLOCK: media that is not ready must not make the open wait.
  absl::StatusOr<FileDescriptor> fd = OpenPath(disk.node, access | O_NONBLOCK);
  if (!fd.ok()) return fd;
  absl::StatusOr<struct stat> info = StatDescriptor(fd->get(), disk.node);
  if (!info.ok()) return info.status();
  if (!S_ISBLK(info->st_mode)) {
    return absl::FailedPreconditionError(absl::StrCat(disk.node, " is not a block device"));
  }
  if (info->st_rdev != disk.device_number) {
    return Replaced(disk, "number", absl::StrCat(info->st_rdev), absl::StrCat(disk.device_number));
  }
  uint64_t size = 0;
  if (ioctl(fd->get(), BLKGETSIZE64, &size) != 0) {
    return ErrnoStatus(errno, "ioctl BLKGETSIZE64", disk.node);
  }
  if (size != disk.size_bytes) {
    return Replaced(disk, "size", absl::StrCat(size), absl::StrCat(disk.size_bytes));
  }
  if (absl::Status s = CheckSerial(disk); !s.ok()) return s;
  return fd;
}

absl::Status CheckNotInUse(const Disk& disk, int fd, MountedIs mounted) {
  const auto in_use = [&disk](const std::string& by) {
    return absl::FailedPreconditionError(
        absl::StrCat(disk.node, " is in use: ", by, "; give the volume that is meant"));
  };
  const std::vector<std::string> partitions = PartitionsOf(disk.device_number);
  if (!partitions.empty()) {
    return in_use(absl::StrCat("it has partitions (", absl::StrJoin(partitions, ", "), ")"));
  }
  const std::vector<std::string> holders = HoldersOf(disk.device_number);
  if (!holders.empty()) {
    return in_use(
        absl::StrCat("other devices are built on it (", absl::StrJoin(holders, ", "), ")"));
  }
  absl::StatusOr<bool> swap = IsSwap(disk);
  if (!swap.ok()) return swap.status();
  if (*swap) return in_use("it is swap space");
  absl::StatusOr<std::string> mount_point = MountedAt(disk);
  if (!mount_point.ok()) return mount_point.status();
  if (!mount_point->empty()) {
    if (mounted == MountedIs::kFine) return absl::OkStatus();
    return in_use("it is mounted at " + *mount_point);
  }
  absl::StatusOr<bool> free = CanBeHadExclusively(disk, fd);
  if (!free.ok()) return free.status();
  if (!*free) {
    return in_use("something has it open exclusively, such as a mount in another mount namespace");
  }
  return absl::OkStatus();
}

}  // namespace bpa::executor
