// /proc/sys.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "agent/executor/linux/paths.h"
#include "agent/executor/linux_host.h"
#include "proto/trusted_file.h"

namespace bpa::executor {
namespace {

constexpr size_t kMaxValue = size_t{64} << 10;

// vm.max_map_count -> /proc/sys/vm/max_map_count. Checked again here, where it matters.
absl::StatusOr<std::string> SysctlPath(const std::string& name) {
  bool good = !name.empty() && name.size() <= 255;
  for (const char c : name) {
    good = good && ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '_' || c == '-' || c == '.');
  }
  good = good && name.front() != '.' && name.back() != '.' && name.find("..") == std::string::npos;
  if (!good) {
    return absl::InvalidArgumentError(absl::StrCat("\"", name, "\" is not a sysctl name"));
  }
  return absl::StrCat("/proc/sys/", absl::StrReplaceAll(name, {{".", "/"}}));
}

absl::StatusOr<FileDescriptor> OpenSysctl(const std::string& name, int flags) {
  absl::StatusOr<std::string> path = SysctlPath(name);
  if (!path.ok()) return path.status();
  absl::StatusOr<FileDescriptor> fd = OpenPath(*path, flags);
  if (absl::IsNotFound(fd.status())) {
    return absl::NotFoundError(absl::StrCat("this kernel has no sysctl ", name, " (", *path, ")"));
  }
  return fd;
}

}  // namespace

absl::StatusOr<std::string> LinuxHost::ReadSysctl(const std::string& name) {
  absl::StatusOr<FileDescriptor> fd = OpenSysctl(name, O_RDONLY);
  if (!fd.ok()) return fd.status();
  absl::StatusOr<std::string> value = ReadDescriptor(fd->get(), kMaxValue, "sysctl " + name);
  if (!value.ok()) return value.status();
  const std::vector<std::string> words =
      absl::StrSplit(*value, absl::ByAnyChar(" \t\n"), absl::SkipEmpty());
  return absl::StrJoin(words, " ");
}

absl::Status LinuxHost::WriteSysctl(const std::string& name, const std::string& value) {
  absl::StatusOr<FileDescriptor> fd = OpenSysctl(name, O_WRONLY);
  if (!fd.ok()) return fd.status();
  // In one piece: the kernel takes each write for a whole value.
  const std::string line = value + "\n";
  const ssize_t written = write(fd->get(), line.data(), line.size());
  if (written == static_cast<ssize_t>(line.size())) return absl::OkStatus();
  const std::string shown = absl::StrCat("sysctl ", name, "=", value);
  if (written < 0 && errno == EINVAL) {
    return absl::InvalidArgumentError(absl::StrCat("the kernel refuses ", shown));
  }
  if (written < 0) return ErrnoStatus(errno, "write", shown);
  return absl::InternalError(absl::StrCat("the kernel took only a part of ", shown));
}

}  // namespace bpa::executor
