#include "agent/executor/linux/same_entry.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <utility>
#include <vector>

#include "agent/executor/linux/attributes.h"
#include "proto/trusted_file.h"

namespace bpa::executor {
namespace {

constexpr size_t kChunk = size_t{256} << 10;

// As many bytes as there are up to the buffer's size; short only at the end of the file.
absl::StatusOr<size_t> ReadFully(int fd, uint64_t offset, std::vector<char>& buffer,
                                 const std::string& shown) {
  size_t done = 0;
  while (done < buffer.size()) {
    const ssize_t count =
        pread(fd, buffer.data() + done, buffer.size() - done, static_cast<off_t>(offset + done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return ErrnoStatus(errno, "pread", shown);
    if (count == 0) break;
    done += static_cast<size_t>(count);
  }
  return done;
}

absl::StatusOr<bool> SameContents(int a, int b, const std::string& shown) {
  std::vector<char> left(kChunk);
  std::vector<char> right(kChunk);
  for (uint64_t offset = 0;; offset += kChunk) {
    absl::StatusOr<size_t> count = ReadFully(a, offset, left, shown);
    if (!count.ok()) return count.status();
    absl::StatusOr<size_t> other = ReadFully(b, offset, right, shown);
    if (!other.ok()) return other.status();
    if (*count != *other || std::memcmp(left.data(), right.data(), *count) != 0) return false;
    if (*count < kChunk) return true;
  }
}

absl::StatusOr<bool> SameTarget(int a, int b, const std::string& shown) {
  absl::StatusOr<std::string> left = LinkTarget(a, shown);
  if (!left.ok()) return left.status();
  absl::StatusOr<std::string> right = LinkTarget(b, shown);
  if (!right.ok()) return right.status();
  return *left == *right;
}

absl::StatusOr<bool> SameXattrs(int a, int b, const std::string& shown) {
  absl::StatusOr<std::map<std::string, std::string>> left = ReadXattrs(a, shown);
  if (!left.ok()) return left.status();
  absl::StatusOr<std::map<std::string, std::string>> right = ReadXattrs(b, shown);
  if (!right.ok()) return right.status();
  left->erase("security.selinux");
  right->erase("security.selinux");
  return *left == *right;
}

}  // namespace

absl::StatusOr<FileDescriptor> OpenEntry(int directory, const std::string& path, unsigned mode,
                                         const std::string& shown) {
  const int flags = S_ISREG(mode) ? O_RDONLY | O_NONBLOCK | O_NOCTTY : O_PATH;
  return OpenBelow(directory, path, flags | O_NOFOLLOW, shown);
}

absl::StatusOr<bool> SameEntry(int a, int b, const std::string& shown) {
  absl::StatusOr<struct stat> left = StatDescriptor(a, shown);
  if (!left.ok()) return left.status();
  absl::StatusOr<struct stat> right = StatDescriptor(b, shown);
  if (!right.ok()) return right.status();
  if (left->st_mode != right->st_mode || left->st_uid != right->st_uid ||
      left->st_gid != right->st_gid || left->st_rdev != right->st_rdev ||
      (S_ISREG(left->st_mode) && left->st_size != right->st_size)) {
    return false;
  }
  absl::StatusOr<bool> xattrs = SameXattrs(a, b, shown);
  if (!xattrs.ok() || !*xattrs) return xattrs;
  if (S_ISREG(left->st_mode)) return SameContents(a, b, shown);
  if (S_ISLNK(left->st_mode)) return SameTarget(a, b, shown);
  return true;
}

}  // namespace bpa::executor
