#include "controller/directories.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "proto/trusted_file.h"

namespace bpa::controller {
namespace {

constexpr mode_t kPrivate = 0700;
constexpr mode_t kOthersMayWrite = 022;

absl::Status CheckOurs(const std::string& path) {
  struct stat info;
  if (stat(path.c_str(), &info) != 0) return ErrnoStatus(errno, "stat", path);
  if (!S_ISDIR(info.st_mode)) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, ": expected a directory, found something else"));
  }
  if (info.st_uid != geteuid()) {
    return absl::FailedPreconditionError(
        absl::StrFormat("%s: owned by uid %d, not by you (uid %d): run bpactl as its owner", path,
                        info.st_uid, geteuid()));
  }
  if ((info.st_mode & kOthersMayWrite) != 0) {
    return absl::FailedPreconditionError(
        absl::StrFormat("%s: others than its owner may write it (mode %04o): chmod go-w %s", path,
                        info.st_mode & 07777, path));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<bool> MakePrivateDirectory(const std::string& path) {
  if (mkdir(path.c_str(), kPrivate) != 0) {
    if (errno != EEXIST) return ErrnoStatus(errno, "mkdir", path);
    if (absl::Status status = CheckOurs(path); !status.ok()) return status;
    return false;
  }
  if (absl::Status status = SyncDirectory(ParentDirectory(path)); !status.ok()) return status;
  return true;
}

absl::Status SyncDirectory(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return ErrnoStatus(errno, "open", path);
  const auto close_fd = absl::MakeCleanup([fd] { close(fd); });
  if (fsync(fd) != 0) return ErrnoStatus(errno, "fsync", path);
  return absl::OkStatus();
}

std::string ParentDirectory(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace bpa::controller
