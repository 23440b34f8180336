// Single files and directories.
#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "agent/executor/linux/directory_names.h"
#include "agent/executor/linux/paths.h"
#include "agent/executor/linux_host.h"
#include "proto/trusted_file.h"

namespace bpa::executor {
namespace {

FileType TypeOf(mode_t mode) {
  if (S_ISREG(mode)) return FileType::kRegular;
  if (S_ISDIR(mode)) return FileType::kDirectory;
  if (S_ISLNK(mode)) return FileType::kSymlink;
  return FileType::kOther;
}

// Opens a directory; FailedPrecondition, in words, if it is something else.
absl::StatusOr<FileDescriptor> OpenDirectory(const std::string& path) {
  absl::StatusOr<FileDescriptor> fd = OpenPath(path, O_PATH);
  if (!fd.ok()) return fd;
  absl::StatusOr<struct stat> info = StatDescriptor(fd->get(), path);
  if (!info.ok()) return info.status();
  if (!S_ISDIR(info->st_mode)) {
    return absl::FailedPreconditionError(absl::StrCat(path, " is not a directory"));
  }
  // By the descriptor: what was looked at is what gets changed.
  FileDescriptor directory(openat(fd->get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.valid()) return ErrnoStatus(errno, "openat", path);
  return directory;
}

absl::Status CheckFilesystem(const ParentDirectory& parent, uint64_t filesystem) {
  absl::StatusOr<struct stat> info = StatDescriptor(parent.directory.get(), parent.path);
  if (!info.ok()) return info.status();
  if (info->st_dev == filesystem) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      parent.path, " is on filesystem ", info->st_dev, " and not on ", filesystem,
      " as wanted: the volume is not mounted there (any more); mount it and run again"));
}

}  // namespace

absl::StatusOr<FileInfo> LinuxHost::Inspect(const std::string& path) {
  absl::StatusOr<FileDescriptor> fd = OpenPath(path, O_PATH | O_NOFOLLOW);
  if (!fd.ok()) return fd.status();
  absl::StatusOr<struct stat> info = StatDescriptor(fd->get(), path);
  if (!info.ok()) return info.status();
  return FileInfo{.type = TypeOf(info->st_mode),
                  .mode = info->st_mode & 07777,
                  .uid = info->st_uid,
                  .gid = info->st_gid,
                  .device = info->st_dev};
}

absl::StatusOr<std::string> LinuxHost::ReadLink(const std::string& path) {
  absl::StatusOr<FileDescriptor> fd = OpenPath(path, O_PATH | O_NOFOLLOW);
  if (!fd.ok()) return fd.status();
  absl::StatusOr<struct stat> info = StatDescriptor(fd->get(), path);
  if (!info.ok()) return info.status();
  if (!S_ISLNK(info->st_mode)) {
    return absl::FailedPreconditionError(absl::StrCat(path, " is not a symbolic link"));
  }
  return LinkTarget(fd->get(), path);
}

absl::StatusOr<std::string> LinuxHost::ReadFile(const std::string& path, size_t max_bytes) {
  // O_NONBLOCK: opening a FIFO in its place must not wait for a writer.
  absl::StatusOr<FileDescriptor> fd = OpenPath(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  if (!fd.ok()) return fd.status();
  absl::StatusOr<struct stat> info = StatDescriptor(fd->get(), path);
  if (!info.ok()) return info.status();
  if (!S_ISREG(info->st_mode)) {
    return absl::FailedPreconditionError(absl::StrCat(path, " is not a regular file"));
  }
  return ReadDescriptor(fd->get(), max_bytes, path);
}

absl::StatusOr<std::vector<std::string>> LinuxHost::ListDirectory(const std::string& path) {
  absl::StatusOr<FileDescriptor> fd = OpenDirectory(path);
  if (!fd.ok()) return fd.status();
  return DirectoryNames(fd->get(), path);
}

absl::Status LinuxHost::CheckReplaceable(const std::string& path) {
  const absl::StatusOr<ParentDirectory> parent = OpenParent(path);
  if (!parent.ok()) return parent.status();
  // To root nothing else says no: inode(7)'s mode does not count.
  for (const std::string& name : {std::string("."), parent->name}) {
    if (faccessat(parent->directory.get(), name.c_str(), W_OK, 0) == 0 || errno == ENOENT) continue;
    return absl::FailedPreconditionError(absl::StrCat(
        path, " cannot be replaced: ", ErrnoStatus(errno, "access", path).message(), "; ",
        errno == EROFS ? "remount its filesystem read-write"
                       : "see lsattr: it or its directory may be immutable (chattr -i)"));
  }
  return absl::OkStatus();
}

absl::Status LinuxHost::MakeDirectory(const std::string& path, uint32_t mode,
                                      std::optional<uint64_t> filesystem) {
  absl::StatusOr<ParentDirectory> parent = OpenParent(path);
  if (!parent.ok()) return parent.status();
  if (filesystem.has_value()) {
    if (absl::Status s = CheckFilesystem(*parent, *filesystem); !s.ok()) return s;
  }
  const int at = parent->directory.get();
  if (mkdirat(at, parent->name.c_str(), mode & 07777) != 0) {
    return ErrnoStatus(errno, "mkdirat", path);
  }
  absl::StatusOr<FileDescriptor> made =
      OpenBelow(at, parent->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, path);
  if (!made.ok()) return made.status();
  absl::StatusOr<struct stat> info = StatDescriptor(made->get(), path);
  if (!info.ok()) return info.status();
  // In a directory that anybody may write to, another one can have been moved into its place.
  if (info->st_uid != geteuid()) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, " was replaced by user ", info->st_uid, " while it was being made"));
  }
  // The umask, a default ACL or a setgid parent had their say.
  if ((info->st_mode & 07777) != (mode & 07777) && fchmod(made->get(), mode & 07777) != 0) {
    return ErrnoStatus(errno, "fchmod", path);
  }
  return absl::OkStatus();
}

absl::Status LinuxHost::SetMode(const std::string& path, uint32_t mode) {
  absl::StatusOr<FileDescriptor> fd = OpenDirectory(path);
  if (!fd.ok()) return fd.status();
  if (fchmod(fd->get(), mode & 07777) != 0) return ErrnoStatus(errno, "fchmod", path);
  return absl::OkStatus();
}

absl::Status LinuxHost::SetOwner(const std::string& path, std::optional<uint32_t> uid,
                                 std::optional<uint32_t> gid) {
  absl::StatusOr<FileDescriptor> fd = OpenPath(path, O_PATH);
  if (!fd.ok()) return fd.status();
  constexpr uint32_t kLeaveAlone = UINT32_MAX;
  if (fchownat(fd->get(), "", uid.value_or(kLeaveAlone), gid.value_or(kLeaveAlone),
               AT_EMPTY_PATH) != 0) {
    return ErrnoStatus(errno, "fchownat", path);
  }
  return absl::OkStatus();
}

absl::Status LinuxHost::Rename(const std::string& from, const std::string& to) {
  absl::StatusOr<ParentDirectory> source = OpenParent(from);
  if (!source.ok()) return source.status();
  absl::StatusOr<ParentDirectory> target = OpenParent(to);
  if (!target.ok()) return target.status();
  if (syscall(SYS_renameat2, source->directory.get(), source->name.c_str(), target->directory.get(),
              target->name.c_str(), RENAME_NOREPLACE) != 0) {
    if (errno == EXDEV) {
      return absl::FailedPreconditionError(
          absl::StrCat("renameat2 ", from, ": ", to, " is on another filesystem"));
    }
    return ErrnoStatus(errno, "renameat2", absl::StrCat(from, " to ", to));
  }
  // The new name first: after a power cut a tree may have both names for a moment, never none.
  for (const ParentDirectory* parent : {&*target, &*source}) {
    if (fsync(parent->directory.get()) != 0) return ErrnoStatus(errno, "fsync", parent->path);
  }
  return absl::OkStatus();
}

absl::Status LinuxHost::SyncFilesystem(const std::string& path) {
  absl::StatusOr<FileDescriptor> fd = OpenPath(path, O_RDONLY | O_NONBLOCK);
  if (!fd.ok()) return fd.status();
  if (syncfs(fd->get()) != 0) return ErrnoStatus(errno, "syncfs", path);
  return absl::OkStatus();
}

void LinuxHost::Pause(absl::Duration duration) { absl::SleepFor(duration); }

}  // namespace bpa::executor
