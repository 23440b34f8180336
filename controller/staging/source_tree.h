// The directory that a package is made from, on the bastion.
#ifndef BPA_CONTROLLER_STAGING_SOURCE_TREE_H_
#define BPA_CONTROLLER_STAGING_SOURCE_TREE_H_

#include <sys/stat.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/manifest.h"

namespace bpa::controller {

// An open file, closed with the object.
class OwnedFd {
 public:
  OwnedFd() = default;
  explicit OwnedFd(int fd) : fd_(fd) {}
  OwnedFd(OwnedFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  OwnedFd& operator=(OwnedFd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~OwnedFd();

  int get() const { return fd_; }
  // The caller closes it.
  int Release() { return std::exchange(fd_, -1); }

 private:
  int fd_ = -1;
};

// By what a file is known to be the one that was read before: any write moves its change time.
struct FileStamp {
  uint64_t device = 0;
  uint64_t inode = 0;
  uint64_t size = 0;
  int64_t mtime_ns = 0;
  int64_t ctime_ns = 0;

  static FileStamp Of(const struct stat& info);
  friend bool operator==(const FileStamp&, const FileStamp&) = default;
};

// Safe for several threads.
class SourceTree {
 public:
  // Symlinks are followed on the way to the root, as for any path that somebody types; never within
  // the tree. NotFound, PermissionDenied and FailedPrecondition (no directory) name the path.
  static absl::StatusOr<std::unique_ptr<SourceTree>> Open(const std::string& path);

  // As it was given, for messages.
  const std::string& path() const { return path_; }
  int root() const { return root_.get(); }
  // "'packages/a b'", whatever the bytes.
  std::string Quoted(std::string_view relative) const;

  // Opens a regular file beneath the root for reading, through no symlink.
  absl::StatusOr<OwnedFd> OpenFile(const std::string& relative) const;
  // Aborted, naming the file, if it is no longer as `stamp` says.
  absl::Status CheckUnchanged(int fd, const FileStamp& stamp, std::string_view relative) const;
  absl::Status Changed(std::string_view relative) const;
  // An errno of this file.
  absl::Status Error(int error, std::string_view syscall, std::string_view relative) const;

 private:
  SourceTree(std::string path, OwnedFd root) : path_(std::move(path)), root_(std::move(root)) {}

  const std::string path_;
  const OwnedFd root_;
};

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_STAGING_SOURCE_TREE_H_
