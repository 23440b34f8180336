// How large a mounted filesystem is, and making it as large as its device.
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "agent/executor/linux/mountinfo.h"
#include "agent/executor/linux/paths.h"
#include "agent/executor/linux/superblock.h"
#include "agent/executor/linux/sysfs.h"
#include "agent/executor/linux_host.h"
#include "proto/trusted_file.h"

namespace bpa::executor {
namespace {

// From xfsprogs' xfs_fs.h and the kernel's fs/ext4/ext4.h, whose ioctls are part of the kernel's
// ABI; neither header is worth a dependency.
struct XfsGeometry {  // xfs_fsop_geom_v1
  uint32_t blocksize, rtextsize, agblocks, agcount, logblocks, sectsize, inodesize, imaxpct;
  uint64_t datablocks, rtblocks, rtextents, logstart;
  unsigned char uuid[16];
  uint32_t sunit, swidth;
  int32_t version;
  uint32_t flags, logsectsize, rtsectsize, dirblocksize;
};
static_assert(sizeof(XfsGeometry) == 112);
struct XfsGrowData {  // xfs_growfs_data
  uint64_t newblocks;
  uint32_t imaxpct;
};
constexpr unsigned long kXfsGeometry = _IOR('X', 100, XfsGeometry);
constexpr unsigned long kXfsGrowData = _IOW('X', 110, XfsGrowData);
constexpr unsigned long kExt4Resize = _IOW('f', 16, uint64_t);

constexpr long kXfsMagic = 0x58465342;

struct Mounted {
  FileDescriptor root;
  uint64_t device;
  Filesystem filesystem;
};

absl::StatusOr<Mounted> OpenMounted(const std::string& mount_point) {
  absl::StatusOr<FileDescriptor> root = OpenPath(mount_point, O_RDONLY | O_DIRECTORY);
  if (!root.ok()) return root.status();
  absl::StatusOr<struct stat> info = StatDescriptor(root->get(), mount_point);
  if (!info.ok()) return info.status();
  struct statfs filesystem = {};
  if (fstatfs(root->get(), &filesystem) != 0) return ErrnoStatus(errno, "fstatfs", mount_point);
  if (filesystem.f_type != kXfsMagic && filesystem.f_type != EXT4_SUPER_MAGIC) {
    return absl::FailedPreconditionError(
        absl::StrCat("the filesystem at ", mount_point, " is neither xfs nor ext4"));
  }
  return Mounted{
      .root = *std::move(root),
      .device = info->st_dev,
      .filesystem = filesystem.f_type == kXfsMagic ? Filesystem::kXfs : Filesystem::kExt4};
}

absl::StatusOr<XfsGeometry> ReadGeometry(const Mounted& mounted, const std::string& mount_point) {
  XfsGeometry geometry = {};
  if (ioctl(mounted.root.get(), kXfsGeometry, &geometry) != 0) {
    return ErrnoStatus(errno, "ioctl XFS_IOC_FSGEOMETRY", mount_point);
  }
  return geometry;
}

// ext4 tells only through its superblock, and the mount table knows by which node to reach that.
absl::StatusOr<std::string> ReadSuperblock(uint64_t device, const std::string& mount_point) {
  absl::StatusOr<std::vector<MountEntry>> mounts = ReadMountInfo("/proc/self/mountinfo");
  if (!mounts.ok()) return mounts.status();
  for (const MountEntry& mount : *mounts) {
    if (mount.device_number != device) continue;
    const FileDescriptor fd(open(mount.source.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    struct stat info = {};
    if (!fd.valid() || fstat(fd.get(), &info) != 0 || !S_ISBLK(info.st_mode) ||
        info.st_rdev != device) {
      continue;
    }
    std::string start(kSuperblockBytes, '\0');
    const ssize_t count = pread(fd.get(), start.data(), start.size(), 0);
    if (count < 0) return ErrnoStatus(errno, "pread", mount.source);
    start.resize(static_cast<size_t>(count));
    return start;
  }
  return absl::FailedPreconditionError(
      absl::StrCat("no node for the device mounted at ", mount_point, " is to be found in /dev"));
}

}  // namespace

absl::StatusOr<uint64_t> LinuxHost::MountedFilesystemSize(const std::string& mount_point) {
  absl::StatusOr<Mounted> mounted = OpenMounted(mount_point);
  if (!mounted.ok()) return mounted.status();
  if (mounted->filesystem == Filesystem::kXfs) {
    absl::StatusOr<XfsGeometry> geometry = ReadGeometry(*mounted, mount_point);
    if (!geometry.ok()) return geometry.status();
    return geometry->datablocks * geometry->blocksize;
  }
  absl::StatusOr<std::string> start = ReadSuperblock(mounted->device, mount_point);
  if (!start.ok()) return start.status();
  return FilesystemBytes(Filesystem::kExt4, *start);
}

absl::Status LinuxHost::Grow(const std::string& mount_point) {
  absl::StatusOr<Mounted> mounted = OpenMounted(mount_point);
  if (!mounted.ok()) return mounted.status();
  absl::StatusOr<uint64_t> device_bytes = DeviceSize(mounted->device);
  if (!device_bytes.ok()) return device_bytes.status();
  if (mounted->filesystem == Filesystem::kXfs) {
    absl::StatusOr<XfsGeometry> geometry = ReadGeometry(*mounted, mount_point);
    if (!geometry.ok()) return geometry.status();
    const XfsGrowData grow = {.newblocks = *device_bytes / geometry->blocksize,
                              .imaxpct = geometry->imaxpct};
    if (grow.newblocks > geometry->datablocks &&
        ioctl(mounted->root.get(), kXfsGrowData, &grow) != 0) {
      return ErrnoStatus(errno, "ioctl XFS_IOC_FSGROWFSDATA", mount_point);
    }
  } else {
    struct statfs filesystem = {};
    if (fstatfs(mounted->root.get(), &filesystem) != 0) {
      return ErrnoStatus(errno, "fstatfs", mount_point);
    }
    uint64_t blocks = *device_bytes / static_cast<uint64_t>(filesystem.f_bsize);
    // Besides CAP_SYS_ADMIN this one wants CAP_SYS_RESOURCE.
    if (ioctl(mounted->root.get(), kExt4Resize, &blocks) != 0) {
      return ErrnoStatus(errno, "ioctl EXT4_IOC_RESIZE_FS", mount_point);
    }
  }
  if (syncfs(mounted->root.get()) != 0) return ErrnoStatus(errno, "syncfs", mount_point);
  return absl::OkStatus();
}

}  // namespace bpa::executor
