// One file replaced whole.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "agent/executor/linux/attributes.h"
#include "agent/executor/linux/paths.h"
#include "agent/executor/linux_host.h"
#include "proto/trusted_file.h"

namespace bpa::executor {
namespace {

constexpr size_t kMaxFile = size_t{16} << 20;

// The descriptor of what is there now; an invalid one if nothing is. Aborted if it holds something
// else than `expected`.
absl::StatusOr<FileDescriptor> OpenExpected(const ParentDirectory& parent, const std::string& path,
                                            const std::optional<std::string>& expected) {
  absl::StatusOr<FileDescriptor> fd =
      OpenBelow(parent.directory.get(), parent.name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, path);
  const absl::Status changed = absl::AbortedError(
      absl::StrCat(path, " was changed by somebody else meanwhile; run again to look at it anew"));
  if (absl::IsNotFound(fd.status())) {
    if (expected.has_value()) return changed;
    return FileDescriptor();
  }
  if (!fd.ok()) return fd.status();
  if (!expected.has_value()) return changed;
  absl::StatusOr<struct stat> info = StatDescriptor(fd->get(), path);
  if (!info.ok()) return info.status();
  if (!S_ISREG(info->st_mode)) {
    return absl::FailedPreconditionError(absl::StrCat(path, " is not a regular file"));
  }
  absl::StatusOr<std::string> contents = ReadDescriptor(fd->get(), kMaxFile, path);
  if (!contents.ok()) return contents.status();
  if (*contents != *expected) return changed;
  return fd;
}

absl::Status WriteAll(int fd, std::string_view contents, const std::string& shown) {
  while (!contents.empty()) {
    const ssize_t written = write(fd, contents.data(), contents.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return ErrnoStatus(errno, "write", shown);
    contents.remove_prefix(static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

// A new file's attributes, or those of the file that it replaces.
absl::Status SetAttributes(int fd, const FileDescriptor& old, const std::string& shown) {
  if (old.valid()) return CopyOwnerModeAndXattrs(old.get(), fd, shown);
  if (fchmod(fd, 0644) != 0) return ErrnoStatus(errno, "fchmod", shown);
  return absl::OkStatus();
}

absl::Status WriteTemporary(int directory, const std::string& name, std::string_view contents,
                            const FileDescriptor& old, const std::string& shown) {
  // Only a crash can have left one: the lock on the directory is ours.
  if (unlinkat(directory, name.c_str(), 0) != 0 && errno != ENOENT) {
    return ErrnoStatus(errno, "unlinkat", shown);
  }
  absl::StatusOr<FileDescriptor> fd =
      OpenBelow(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, shown, 0600);
  if (!fd.ok()) return fd.status();
  if (absl::Status s = WriteAll(fd->get(), contents, shown); !s.ok()) return s;
  if (absl::Status s = SetAttributes(fd->get(), old, shown); !s.ok()) return s;
  if (fsync(fd->get()) != 0) return ErrnoStatus(errno, "fsync", shown);
  return absl::OkStatus();
}

}  // namespace

absl::Status LinuxHost::ReplaceFile(const std::string& path,
                                    const std::optional<std::string>& expected,
                                    std::string_view contents) {
  absl::StatusOr<ParentDirectory> parent = OpenParent(path);
  if (!parent.ok()) return parent.status();
  const int directory = parent->directory.get();
  if (absl::Status s = LockDescriptor(directory, LOCK_EX, parent->path); !s.ok()) return s;
  absl::StatusOr<FileDescriptor> old = OpenExpected(*parent, path, expected);
  if (!old.ok()) return old.status();

  const std::string temporary = absl::StrCat(".", parent->name, ".bpa-new");
  const std::string shown = absl::StrCat(parent->path, "/", temporary);
  absl::Status status = WriteTemporary(directory, temporary, contents, *old, shown);
  if (status.ok() && renameat(directory, temporary.c_str(), directory, parent->name.c_str()) != 0) {
    status = ErrnoStatus(errno, "renameat", path);
  }
  if (!status.ok()) {
    unlinkat(directory, temporary.c_str(), 0);
    return status;
  }
  if (fsync(directory) != 0) return ErrnoStatus(errno, "fsync", parent->path);
  return absl::OkStatus();
}

}  // namespace bpa::executor
