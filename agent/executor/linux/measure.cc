// What monitoring is told of filesystems and disks.
#include <fcntl.h>
#include <linux/nvme_ioctl.h>
#include <sys/ioctl.h>
#include <sys/statvfs.h>

#include <cerrno>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "agent/executor/linux/deadline.h"
#include "agent/executor/linux/open_disk.h"
#include "agent/executor/linux/paths.h"
#include "agent/executor/linux_host.h"
#include "proto/trusted_file.h"

namespace bpa::executor {
namespace {

constexpr absl::Duration kMeasureLimit = absl::Seconds(10);
constexpr uint32_t kLogPageBytes = 4096;
constexpr uint8_t kGetLogPage = 0x02;

absl::StatusOr<FilesystemRoom> Measure(const std::string& mount_point) {
  const absl::StatusOr<FileDescriptor> root = OpenPath(mount_point, O_PATH | O_DIRECTORY);
  if (!root.ok()) return root.status();
  struct statvfs info = {};
  if (fstatvfs(root->get(), &info) != 0) return ErrnoStatus(errno, "fstatvfs", mount_point);
  return FilesystemRoom{.bytes = uint64_t{info.f_blocks} * info.f_frsize,
                        .available_bytes = uint64_t{info.f_bavail} * info.f_frsize,
                        .inodes = info.f_files,
                        .available_inodes = info.f_favail};
}

absl::StatusOr<std::string> ReadPage(const Disk& disk, uint8_t page) {
  const absl::StatusOr<FileDescriptor> fd = OpenDisk(disk, O_RDONLY);
  if (!fd.ok()) return fd.status();
  std::string bytes(kLogPageBytes, '\0');
  nvme_admin_cmd command = {};
  command.opcode = kGetLogPage;
  command.nsid = 1;
  command.addr = reinterpret_cast<uintptr_t>(bytes.data());
  command.data_len = kLogPageBytes;
  command.cdw10 = page | kLogPageBytes / 4 << 16;
  const int result = ioctl(fd->get(), NVME_IOCTL_ADMIN_CMD, &command);
  if (result == 0) return bytes;
  // Positive: the status with which the controller answered.
  if (result > 0 || errno == ENOTTY || errno == EINVAL || errno == EOPNOTSUPP) {
    return absl::NotFoundError(absl::StrCat(disk.node, " has no log page ", page));
  }
  return ErrnoStatus(errno, "ioctl NVME_IOCTL_ADMIN_CMD", disk.node);
}

}  // namespace

absl::StatusOr<FilesystemRoom> LinuxHost::MeasureRoom(const std::string& mount_point) {
  return WithDeadline<FilesystemRoom>(kMeasureLimit, mount_point,
                                      [mount_point] { return Measure(mount_point); });
}

absl::StatusOr<std::string> LinuxHost::ReadLogPage(const Disk& disk, uint8_t page) {
  return WithDeadline<std::string>(kMeasureLimit, disk.node,
                                   [disk, page] { return ReadPage(disk, page); });
}

}  // namespace bpa::executor
