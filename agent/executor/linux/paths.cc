#include "agent/executor/linux/paths.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstddef>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "proto/trusted_file.h"

namespace bpa::executor {
namespace {

constexpr uint64_t kNoLinks = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
constexpr size_t kMaxKernelFile = size_t{16} << 20;

// glibc has no wrapper. -1 and errno on failure.
int OpenAt2(int directory, const char* path, int flags, unsigned mode, uint64_t resolve) {
  struct open_how how = {};
  how.flags = static_cast<uint64_t>(flags | O_CLOEXEC);
  how.mode = mode;
  how.resolve = resolve;
  // EAGAIN: a rename somewhere raced with a `..`; the kernel asks to try again.
  for (int attempt = 0;; ++attempt) {
    const long fd = syscall(SYS_openat2, directory, path, &how, sizeof how);
    if (fd >= 0 || (errno != EINTR && errno != EAGAIN) || attempt == 100) {
      return static_cast<int>(fd);
    }
  }
}

absl::Status CheckNormal(const std::string& path) {
  bool normal = !path.empty() && path[0] == '/' && path.size() < PATH_MAX &&
                path.find('\0') == std::string::npos;
  if (normal && path != "/") {
    for (const absl::string_view component : absl::StrSplit(path.substr(1), '/')) {
      normal = normal && !component.empty() && component != "." && component != "..";
    }
  }
  if (normal) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("\"", path, "\" is not an absolute path without . , .. and doubled slashes"));
}

bool IsLink(const std::string& path) {
  const FileDescriptor fd(OpenAt2(AT_FDCWD, path.c_str(), O_PATH | O_NOFOLLOW, 0, kNoLinks));
  struct stat info = {};
  return fd.valid() && fstat(fd.get(), &info) == 0 && S_ISLNK(info.st_mode);
}

absl::Status LinkRefused(const std::string& path) {
  std::string link = path;
  for (size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    const std::string prefix = path.substr(0, end);
    if (IsLink(prefix)) {
      link = prefix;
      break;
    }
    if (end == std::string::npos) break;
  }
  return absl::FailedPreconditionError(
      absl::StrCat("openat2 ", path, ": ", link,
                   " is a symbolic link, and none is followed; name the real path or put a real "
                   "directory there"));
}

}  // namespace

FileDescriptor& FileDescriptor::operator=(FileDescriptor&& other) noexcept {
  if (this != &other) {
    Close();
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

void FileDescriptor::Close() {
  if (fd_ >= 0) close(std::exchange(fd_, -1));
}

absl::StatusOr<FileDescriptor> OpenPath(const std::string& path, int flags) {
  if (absl::Status s = CheckNormal(path); !s.ok()) return s;
  FileDescriptor fd(OpenAt2(AT_FDCWD, path.c_str(), flags, 0, kNoLinks));
  if (fd.valid()) return fd;
  if (errno == ELOOP) return LinkRefused(path);
  return ErrnoStatus(errno, "openat2", path);
}

absl::StatusOr<ParentDirectory> OpenParent(const std::string& path) {
  if (absl::Status s = CheckNormal(path); !s.ok()) return s;
  const size_t slash = path.rfind('/');
  ParentDirectory parent;
  parent.path = slash == 0 ? "/" : path.substr(0, slash);
  parent.name = path.substr(slash + 1);
  if (parent.name.empty()) return absl::InvalidArgumentError("/ has no parent directory");
  absl::StatusOr<FileDescriptor> fd = OpenPath(parent.path, O_RDONLY | O_DIRECTORY);
  if (!fd.ok()) return fd.status();
  parent.directory = *std::move(fd);
  return parent;
}

absl::StatusOr<FileDescriptor> OpenBelow(int directory, const std::string& path, int flags,
                                         const std::string& shown, unsigned mode) {
  FileDescriptor fd(
      OpenAt2(directory, path.c_str(), flags, mode, kNoLinks | RESOLVE_BENEATH | RESOLVE_NO_XDEV));
  if (fd.valid()) return fd;
  if (errno == ELOOP) {
    return absl::FailedPreconditionError(
        absl::StrCat("openat2 ", shown, ": a symbolic link, and none is followed"));
  }
  if (errno == EXDEV) {
    return absl::FailedPreconditionError(
        absl::StrCat("openat2 ", shown, ": it is a mount point; unmount it first"));
  }
  return ErrnoStatus(errno, "openat2", shown);
}

absl::StatusOr<struct stat> StatDescriptor(int fd, const std::string& shown) {
  struct stat info = {};
  if (fstat(fd, &info) != 0) return ErrnoStatus(errno, "fstat", shown);
  return info;
}

absl::StatusOr<std::string> LinkTarget(int fd, const std::string& shown) {
  std::string target(PATH_MAX, '\0');
  const ssize_t length = readlinkat(fd, "", target.data(), target.size());
  if (length < 0) return ErrnoStatus(errno, "readlinkat", shown);
  target.resize(static_cast<size_t>(length));
  return target;
}

std::string DescriptorPath(int fd) { return absl::StrCat("/proc/self/fd/", fd); }

absl::StatusOr<std::string> ReadDescriptor(int fd, size_t max_bytes, const std::string& shown) {
  std::string contents;
  char buffer[16384];
  for (;;) {
    const ssize_t count = read(fd, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return ErrnoStatus(errno, "read", shown);
    if (count == 0) return contents;
    contents.append(buffer, static_cast<size_t>(count));
    if (contents.size() > max_bytes) {
      return absl::ResourceExhaustedError(
          absl::StrCat(shown, " is longer than ", max_bytes, " bytes"));
    }
  }
}

absl::StatusOr<std::string> ReadKernelFile(const std::string& path) {
  const FileDescriptor fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return ErrnoStatus(errno, "open", path);
  return ReadDescriptor(fd.get(), kMaxKernelFile, path);
}

absl::Status LockDescriptor(int fd, int kind, const std::string& shown) {
  const absl::Time deadline = absl::Now() + absl::Seconds(10);
  while (flock(fd, kind | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) return ErrnoStatus(errno, "flock", shown);
    if (absl::Now() > deadline) {
      return absl::UnavailableError(absl::StrCat(
          shown, " has been locked by another process for 10 s (`lslocks` shows which)"));
    }
    absl::SleepFor(absl::Milliseconds(5));
  }
  return absl::OkStatus();
}

}  // namespace bpa::executor
