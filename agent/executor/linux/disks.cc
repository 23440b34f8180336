// Disks found by enumeration or by node.
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "agent/executor/linux/directory_names.h"
#include "agent/executor/linux/paths.h"
#include "agent/executor/linux/sysfs.h"
#include "agent/executor/linux_host.h"
#include "proto/trusted_file.h"

namespace bpa::executor {
namespace {

// `node` is walked without following links.
absl::StatusOr<Disk> DescribeDisk(const std::string& node) {
  absl::StatusOr<FileDescriptor> fd = OpenPath(node, O_PATH | O_NOFOLLOW);
  if (!fd.ok()) return fd.status();
  absl::StatusOr<struct stat> info = StatDescriptor(fd->get(), node);
  if (!info.ok()) return info.status();
  if (!S_ISBLK(info->st_mode)) {
    return absl::FailedPreconditionError(absl::StrCat(node, " is not a block device"));
  }
  if (IsPartition(info->st_rdev)) {
    return absl::FailedPreconditionError(
        absl::StrCat(node, " is a partition; name the whole disk"));
  }
  absl::StatusOr<uint64_t> size = DeviceSize(info->st_rdev);
  if (!size.ok()) return size.status();
  const std::string device =
      absl::StrCat("/sys/block/", node.substr(node.rfind('/') + 1), "/device/");
  return Disk{.node = node,
              .device_number = info->st_rdev,
              .serial = DeviceAttribute(device + "serial"),
              .model = DeviceAttribute(device + "model"),
              .size_bytes = *size};
}

}  // namespace

absl::StatusOr<std::vector<Disk>> LinuxHost::ListDisks() {
  const std::string directory = "/sys/block";
  const FileDescriptor fd(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd.valid()) return ErrnoStatus(errno, "open", directory);
  absl::StatusOr<std::vector<std::string>> names = DirectoryNames(fd.get(), directory);
  if (!names.ok()) return names.status();
  std::vector<Disk> disks;
  for (const std::string& name : *names) {
    if (DeviceAttribute(absl::StrCat(directory, "/", name, "/device/serial")).empty()) continue;
    // sysfs writes the slashes of nodes like cciss/c0d0 as exclamation marks.
    absl::StatusOr<Disk> disk =
        DescribeDisk(absl::StrCat("/dev/", absl::StrReplaceAll(name, {{"!", "/"}})));
    // Detached meanwhile, or a path of a multipath device, which has no node.
    if (absl::IsNotFound(disk.status())) continue;
    if (!disk.ok()) return disk.status();
    disks.push_back(*std::move(disk));
  }
  return disks;
}

absl::StatusOr<Disk> LinuxHost::FindDisk(const std::string& node) {
  // udev's names for disks are links, and the only ones that are followed: what they lead to is
  // then judged by what it is.
  const std::unique_ptr<char, decltype(&std::free)> resolved(realpath(node.c_str(), nullptr),
                                                             &std::free);
  if (resolved == nullptr) return ErrnoStatus(errno, "realpath", node);
  return DescribeDisk(resolved.get());
}

}  // namespace bpa::executor
