// Paths walked without following any symbolic link, and the descriptors they end in.
#ifndef BPA_AGENT_EXECUTOR_LINUX_PATHS_H_
#define BPA_AGENT_EXECUTOR_LINUX_PATHS_H_

#include <sys/stat.h>

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace bpa::executor {

// Owns a descriptor; closes it.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept;
  ~FileDescriptor() { Close(); }

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  int Release() { return std::exchange(fd_, -1); }
  void Close();

 private:
  int fd_ = -1;
};

// openat2(2) with RESOLVE_NO_SYMLINKS and RESOLVE_NO_MAGICLINKS over the whole path: a link that
// is swapped in between a check and this call is refused as well. `flags` as for open(2);
// O_CLOEXEC is added. InvalidArgument if `path` is not absolute and normal; FailedPrecondition
// that names the component that is a link.
absl::StatusOr<FileDescriptor> OpenPath(const std::string& path, int flags);

struct ParentDirectory {
  FileDescriptor directory;  // O_RDONLY
  std::string path;          // of the directory
  std::string name;          // last component, never empty
};
// InvalidArgument for "/".
absl::StatusOr<ParentDirectory> OpenParent(const std::string& path);

// Below an open directory: as OpenPath, and never out of it nor into another mount
// (FailedPrecondition). `path` is relative; `shown` is what errors call it.
absl::StatusOr<FileDescriptor> OpenBelow(int directory, const std::string& path, int flags,
                                         const std::string& shown, unsigned mode = 0);

absl::StatusOr<struct stat> StatDescriptor(int fd, const std::string& shown);

// Where the symbolic link behind an O_PATH descriptor points.
absl::StatusOr<std::string> LinkTarget(int fd, const std::string& shown);

// "/proc/self/fd/N": the object behind a descriptor, for calls that only take a path. Good for
// O_PATH descriptors too.
std::string DescriptorPath(int fd);

// All of a descriptor from where it stands; ResourceExhausted over `max_bytes`.
absl::StatusOr<std::string> ReadDescriptor(int fd, size_t max_bytes, const std::string& shown);

// Files of the kernel (/proc, /sys), whose links are the kernel's own and are followed. At most
// 16 MiB.
absl::StatusOr<std::string> ReadKernelFile(const std::string& path);

// Takes flock(2) of the kind LOCK_SH or LOCK_EX; tries for 10 s, then Unavailable.
absl::Status LockDescriptor(int fd, int kind, const std::string& shown);

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_LINUX_PATHS_H_
