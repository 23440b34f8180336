#include "controller/staging/source_tree.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "proto/trusted_file.h"

namespace bpa::controller {
namespace {

int64_t Nanoseconds(const struct timespec& time) {
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

OwnedFd::~OwnedFd() {
  if (fd_ >= 0) close(fd_);
}

FileStamp FileStamp::Of(const struct stat& info) {
  return {.device = info.st_dev,
          .inode = info.st_ino,
          .size = static_cast<uint64_t>(info.st_size),
          .mtime_ns = Nanoseconds(info.st_mtim),
          .ctime_ns = Nanoseconds(info.st_ctim)};
}

absl::StatusOr<std::unique_ptr<SourceTree>> SourceTree::Open(const std::string& path) {
  OwnedFd root(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (root.get() < 0) return ErrnoStatus(errno, "open", QuotedPath(path));
  return std::unique_ptr<SourceTree>(new SourceTree(path, std::move(root)));
}

std::string SourceTree::Quoted(std::string_view relative) const {
  return QuotedPath(relative.empty() ? path_ : absl::StrCat(path_, "/", std::string(relative)));
}

absl::StatusOr<OwnedFd> SourceTree::OpenFile(const std::string& relative) const {
  open_how how = {};
  // NONBLOCK: a FIFO that took the file's place must not hang us.
  how.flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  for (;;) {
    OwnedFd fd(
        static_cast<int>(syscall(SYS_openat2, root_.get(), relative.c_str(), &how, sizeof how)));
    if (fd.get() >= 0) return fd;
    // EAGAIN: something was renamed elsewhere meanwhile, so the kernel could not be sure.
    if (errno != EAGAIN && errno != EINTR) return Error(errno, "open", relative);
  }
}

absl::Status SourceTree::CheckUnchanged(int fd, const FileStamp& stamp,
                                        std::string_view relative) const {
  struct stat info;
  if (fstat(fd, &info) != 0) return Error(errno, "fstat", relative);
  return FileStamp::Of(info) == stamp ? absl::OkStatus() : Changed(relative);
}

absl::Status SourceTree::Changed(std::string_view relative) const {
  return absl::AbortedError(absl::StrCat(
      Quoted(relative), " changes while it is read: run this again when nothing writes to it"));
}

absl::Status SourceTree::Error(int error, std::string_view syscall,
                               std::string_view relative) const {
  // It was there a moment ago.
  if (error == ENOENT || error == ELOOP || error == ENOTDIR || error == ENXIO) {
    return Changed(relative);
  }
  return ErrnoStatus(error, syscall, Quoted(relative));
}

}  // namespace bpa::controller
