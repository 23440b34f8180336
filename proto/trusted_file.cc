#include "proto/trusted_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace bpa {
namespace {

absl::Status CheckTrusted(const struct stat& info, const std::string& path, FileSecrecy secrecy) {
  if (!S_ISREG(info.st_mode)) {
    return absl::FailedPreconditionError(absl::StrCat(path, ": not a regular file"));
  }
  if (info.st_uid != 0 && info.st_uid != geteuid()) {
    return absl::FailedPreconditionError(
        absl::StrFormat("%s: owned by uid %d, who could change it at any time: chown %d %s", path,
                        info.st_uid, geteuid(), path));
  }
  const mode_t mode = info.st_mode & 07777;
  if ((mode & 022) != 0) {
    return absl::FailedPreconditionError(absl::StrFormat(
        "%s: others than its owner may write it (mode %04o): chmod go-w %s", path, mode, path));
  }
  if (secrecy == FileSecrecy::kSecret && (mode & 007) != 0) {
    return absl::FailedPreconditionError(absl::StrFormat(
        "%s: everybody may read this secret (mode %04o): chmod o= %s", path, mode, path));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> ReadAll(int fd, const std::string& path, size_t max_bytes) {
  std::string contents;
  char buffer[16 * 1024];
  while (true) {
    const ssize_t got = read(fd, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoStatus(errno, "read", path);
    if (got == 0) return contents;
    contents.append(buffer, static_cast<size_t>(got));
    // Counted while reading: the file may have grown since fstat.
    if (contents.size() > max_bytes) {
      return absl::ResourceExhaustedError(
          absl::StrCat(path, ": longer than the ", max_bytes, " bytes allowed"));
    }
  }
}

absl::Status WriteAll(int fd, const std::string& path, std::string_view contents) {
  while (!contents.empty()) {
    const ssize_t put = write(fd, contents.data(), contents.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return ErrnoStatus(errno, "write", path);
    contents.remove_prefix(static_cast<size_t>(put));
  }
  return absl::OkStatus();
}

// With its slash; "." for a bare name.
std::string DirectoryOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash + 1);
}

absl::Status SyncDirectory(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return ErrnoStatus(errno, "open", path);
  const auto close_fd = absl::MakeCleanup([fd] { close(fd); });
  if (fsync(fd) != 0) return ErrnoStatus(errno, "fsync", path);
  return absl::OkStatus();
}

}  // namespace

absl::Status ErrnoStatus(int error, std::string_view syscall, std::string_view path) {
  return absl::ErrnoToStatus(error, absl::StrCat(std::string(syscall), " ", std::string(path)));
}

absl::StatusOr<bool> PathExists(const std::string& path) {
  struct stat info;
  if (lstat(path.c_str(), &info) == 0) return true;
  if (errno == ENOENT || errno == ENOTDIR) return false;
  return ErrnoStatus(errno, "lstat", path);
}

absl::StatusOr<std::string> ReadTrustedFile(const std::string& path, size_t max_bytes,
                                            FileSecrecy secrecy) {
  // O_NONBLOCK: opening a FIFO must not wait for a writer; it is refused below.
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) return ErrnoStatus(errno, "open", path);
  const auto close_fd = absl::MakeCleanup([fd] { close(fd); });
  struct stat info;
  if (fstat(fd, &info) != 0) return ErrnoStatus(errno, "fstat", path);
  if (absl::Status status = CheckTrusted(info, path, secrecy); !status.ok()) return status;
  return ReadAll(fd, path, max_bytes);
}

absl::Status WriteFileDurably(const std::string& path, std::string_view contents, unsigned mode,
                              std::optional<gid_t> group) {
  const size_t slash = path.rfind('/');
  const std::string directory = DirectoryOf(path);
  const std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  if (name.empty()) return absl::InvalidArgumentError(absl::StrCat(path, ": not a file name"));

  std::string temporary =
      absl::StrCat(directory, directory == "." ? "/" : "", ".", name, ".XXXXXX");
  const int fd = mkostemp(temporary.data(), O_CLOEXEC);
  if (fd < 0) return ErrnoStatus(errno, "mkostemp", temporary);
  const auto close_fd = absl::MakeCleanup([fd] { close(fd); });
  auto remove = absl::MakeCleanup([&temporary] { unlink(temporary.c_str()); });

  if (absl::Status status = WriteAll(fd, temporary, contents); !status.ok()) return status;
  // Before the mode: changing the owner may take mode bits away.
  if (group && fchown(fd, static_cast<uid_t>(-1), *group) != 0) {
    return ErrnoStatus(errno, "fchown", temporary);
  }
  if (fchmod(fd, mode) != 0) return ErrnoStatus(errno, "fchmod", temporary);
  if (fsync(fd) != 0) return ErrnoStatus(errno, "fsync", temporary);
  if (rename(temporary.c_str(), path.c_str()) != 0) return ErrnoStatus(errno, "rename", path);
  std::move(remove).Cancel();
  return SyncDirectory(directory);
}

absl::Status RemoveFileDurably(const std::string& path) {
  if (unlink(path.c_str()) != 0 && errno != ENOENT) return ErrnoStatus(errno, "unlink", path);
  // Also when it was gone: who removed it may not have come to the sync.
  return SyncDirectory(DirectoryOf(path));
}

}  // namespace bpa
