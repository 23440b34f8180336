#include "agent/executor/linux/attributes.h"

#include <fcntl.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "agent/executor/linux/paths.h"
#include "proto/trusted_file.h"

namespace bpa::executor {
namespace {

// XATTR_LIST_MAX and XATTR_SIZE_MAX of the kernel.
constexpr size_t kMaxXattr = 65536;

// How XFS keeps ACLs, which it lists by these names and by their proper ones.
bool IsAclTwice(const std::string& name) {
  return name == "trusted.SGI_ACL_FILE" || name == "trusted.SGI_ACL_DEFAULT";
}

}  // namespace

absl::StatusOr<std::map<std::string, std::string>> ReadXattrs(int fd, const std::string& shown) {
  std::map<std::string, std::string> xattrs;
  const std::string path = DescriptorPath(fd);
  std::vector<char> buffer(kMaxXattr);
  const ssize_t length = listxattr(path.c_str(), buffer.data(), buffer.size());
  if (length < 0 && errno == ENOTSUP) return xattrs;
  if (length < 0) return ErrnoStatus(errno, "listxattr", shown);
  const std::vector<std::string> names = absl::StrSplit(
      absl::string_view(buffer.data(), static_cast<size_t>(length)), '\0', absl::SkipEmpty());
  for (const std::string& name : names) {
    if (IsAclTwice(name)) continue;
    const ssize_t size = getxattr(path.c_str(), name.c_str(), buffer.data(), buffer.size());
    if (size < 0 && errno == ENODATA) continue;
    if (size < 0) return ErrnoStatus(errno, absl::StrCat("getxattr ", name), shown);
    xattrs[name].assign(buffer.data(), static_cast<size_t>(size));
  }
  return xattrs;
}

absl::Status CopyOwnerModeAndXattrs(int from, int to, const std::string& shown) {
  absl::StatusOr<struct stat> info = StatDescriptor(from, shown);
  if (!info.ok()) return info.status();
  absl::StatusOr<std::map<std::string, std::string>> xattrs = ReadXattrs(from, shown);
  if (!xattrs.ok()) return xattrs.status();
  // In this order: a change of owner clears set-id bits and capabilities, and an ACL goes with the
  // mode it was read with.
  if (fchownat(to, "", info->st_uid, info->st_gid, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) != 0) {
    return ErrnoStatus(errno, "fchownat", shown);
  }
  const std::string path = DescriptorPath(to);
  if (!S_ISLNK(info->st_mode) && chmod(path.c_str(), info->st_mode & 07777) != 0) {
    return ErrnoStatus(errno, "chmod", shown);
  }
  for (const auto& [name, value] : *xattrs) {
    if (setxattr(path.c_str(), name.c_str(), value.data(), value.size(), 0) != 0) {
      return ErrnoStatus(errno, absl::StrCat("setxattr ", name), shown);
    }
  }
  return absl::OkStatus();
}

absl::Status SetTimes(int fd, const struct statx& info, const std::string& shown) {
  const std::array<timespec, 2> times = {timespec{info.stx_atime.tv_sec, info.stx_atime.tv_nsec},
                                         timespec{info.stx_mtime.tv_sec, info.stx_mtime.tv_nsec}};
  if (utimensat(fd, "", times.data(), AT_EMPTY_PATH) != 0) {
    return ErrnoStatus(errno, "utimensat", shown);
  }
  return absl::OkStatus();
}

}  // namespace bpa::executor
