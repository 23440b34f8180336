// Format: the one call that destroys what was on a disk.
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "agent/executor/linux/detached_mount.h"
#include "agent/executor/linux/disk_content.h"
#include "agent/executor/linux/open_disk.h"
#include "agent/executor/linux/program.h"
#include "agent/executor/linux_host.h"
#include "proto/trusted_file.h"

namespace bpa::executor {
namespace {

// It becomes an argument of mkfs.
absl::Status CheckUuid(const std::string& uuid) {
  bool good = uuid.size() == 36;
  for (size_t i = 0; good && i < uuid.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    const char c = uuid[i];
    good = dash ? c == '-' : (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
  }
  if (good) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("\"", uuid, "\" is not a lower-case UUID"));
}

std::string Describe(const DiskProbe& probe) {
  if (probe.content == DiskContent::kOther) return probe.description;
  return absl::StrCat("a filesystem of type ", std::string(FilesystemName(probe.filesystem)),
                      " with UUID ", probe.uuid);
}

// Whether the filesystem that was begun with `uuid` had been finished when its maker was killed:
// the kernel mounts it. mkfs writes what the kernel insists on last, and somebody may have used the
// filesystem since: a whole one is never made anew. Reads only.
bool IsFinished(const Disk& disk, int fd, Filesystem filesystem, const std::string& uuid) {
  const absl::StatusOr<DiskFinding> found = ExamineDisk(fd, disk.size_bytes, disk.node);
  return found.ok() && found->probe.content == DiskContent::kFilesystem &&
         found->probe.filesystem == filesystem && found->probe.uuid == uuid &&
         DetachedMount::Make(fd, filesystem, MountAccess::kReadOnly, disk.node).ok();
}

// Returns once the disk is blank, if it may be made so.
absl::Status MakeBlank(const Disk& disk, int fd, const std::string& uuid, bool resume_unfinished) {
  absl::StatusOr<DiskFinding> found = ExamineDisk(fd, disk.size_bytes, disk.node);
  if (!found.ok()) return found.status();
  if (found->probe.content == DiskContent::kBlank) return absl::OkStatus();
  const bool ours = found->only_data || found->only_uuid == uuid;
  if (!resume_unfinished || !ours) {
    return absl::FailedPreconditionError(
        absl::StrCat("will not format ", disk.node, ": it holds ", Describe(found->probe),
                     "; if nothing of it is needed, wipe it by hand (`wipefs -a` and zeros)"));
  }
  if (absl::Status s = WipeEnds(fd, disk.size_bytes, disk.node); !s.ok()) return s;
  absl::StatusOr<DiskFinding> wiped = ExamineDisk(fd, disk.size_bytes, disk.node);
  if (!wiped.ok()) return wiped.status();
  if (wiped->probe.content == DiskContent::kBlank) return absl::OkStatus();
  return absl::InternalError(absl::StrCat(disk.node, " still holds ", Describe(wiped->probe),
                                          " after its unfinished filesystem was wiped"));
}

// Without force, by a descriptor: the node's name may be another disk's by now. mkfs.xfs then
// refuses existing filesystems a second time; mke2fs asks only on a terminal, so for it the probe
// under our lock is the safety. Discarding is left out: on a blank disk it frees nothing.
absl::Status RunMkfs(int fd, Filesystem filesystem, const std::string& uuid) {
  if (filesystem == Filesystem::kXfs) {
    return RunProgram("mkfs.xfs", {"-q", "-K", "-m", "uuid=" + uuid, kInheritedPath}, fd);
  }
  return RunProgram("mkfs.ext4", {"-q", "-m", "0", "-E", "nodiscard", "-U", uuid, kInheritedPath},
                    fd);
}

}  // namespace

absl::Status LinuxHost::Format(const Disk& disk, Filesystem filesystem, const std::string& uuid,
                               bool resume_unfinished) {
  if (absl::Status s = CheckUuid(uuid); !s.ok()) return s;
  absl::StatusOr<FileDescriptor> fd = OpenDisk(disk, O_RDWR);
  if (!fd.ok()) return fd.status();
  // mkfs inherits the descriptor and with it the lock: nobody else can have it while an mkfs of
  // ours is alive, even if we are not.
  if (absl::Status s = LockDescriptor(fd->get(), LOCK_EX, disk.node); !s.ok()) return s;
  if (absl::Status s = CheckNotInUse(disk, fd->get(), MountedIs::kInUse); !s.ok()) return s;
  if (resume_unfinished && IsFinished(disk, fd->get(), filesystem, uuid)) return absl::OkStatus();
  if (absl::Status s = MakeBlank(disk, fd->get(), uuid, resume_unfinished); !s.ok()) return s;
  if (absl::Status s = RunMkfs(fd->get(), filesystem, uuid); !s.ok()) return s;
  if (fsync(fd->get()) != 0) return ErrnoStatus(errno, "fsync", disk.node);
  absl::StatusOr<DiskFinding> made = ExamineDisk(fd->get(), disk.size_bytes, disk.node);
  if (!made.ok()) return made.status();
  const DiskProbe& probe = made->probe;
  if (probe.content == DiskContent::kFilesystem && probe.filesystem == filesystem &&
      probe.uuid == uuid) {
    return absl::OkStatus();
  }
  return absl::InternalError(
      absl::StrCat("mkfs on ", disk.node, " succeeded, but what reads back is ",
                   probe.content == DiskContent::kBlank ? "a blank disk" : Describe(probe)));
}

}  // namespace bpa::executor
