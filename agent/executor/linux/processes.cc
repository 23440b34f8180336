// Who uses something below a directory.
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "agent/executor/linux/directory_names.h"
#include "agent/executor/linux/mountinfo.h"
#include "agent/executor/linux/paths.h"
#include "agent/executor/linux_host.h"
#include "agent/executor/path.h"
#include "proto/trusted_file.h"

namespace bpa::executor {
namespace {

// nullopt where it cannot be read: processes end, kernel threads have none.
std::optional<std::string> Link(const std::string& path) {
  char target[PATH_MAX];
  const ssize_t length = readlink(path.c_str(), target, sizeof target);
  if (length < 0) return std::nullopt;
  return std::string(target, static_cast<size_t>(length));
}

// A place as a filesystem has it: the same from every mount namespace.
struct Place {
  uint64_t device;
  std::string path;
};

std::string Join(std::string_view root, std::string_view rest) {
  return absl::StrCat(root == "/" ? "" : std::string(root), std::string(rest));
}

// Where `path` lies, by the mounts of a namespace; the last of the longest mount points covers.
std::optional<Place> Locate(const std::vector<MountEntry>& mounts, std::string_view path) {
  const MountEntry* best = nullptr;
  for (const MountEntry& mount : mounts) {
    if (IsAtOrBelow(path, mount.mount_point) &&
        (best == nullptr || mount.mount_point.size() >= best->mount_point.size())) {
      best = &mount;
    }
  }
  if (best == nullptr) return std::nullopt;
  const size_t skip = best->mount_point == "/" ? 0 : best->mount_point.size();
  std::string_view rest = path.substr(skip);
  if (rest == "/") rest = "";
  std::string within = Join(best->root, rest);
  return Place{best->device_number, within.empty() ? "/" : within};
}

class Search {
 public:
  Search(std::string top, const std::vector<MountEntry>& mounts)
      : top_(std::move(top)),
        own_namespace_(Link("/proc/self/ns/mnt")),
        place_(Locate(mounts, top_)) {}

  void LookAt(int pid) {
    const std::string process = absl::StrCat("/proc/", pid);
    const std::vector<MountEntry>* foreign = ForeignMounts(process);
    for (const char* link : {"cwd", "root"}) {
      Note(pid, process, Link(absl::StrCat(process, "/", link)), foreign, /*writing=*/true);
    }
    Note(pid, process, Link(process + "/exe"), foreign, /*writing=*/false);
    const FileDescriptor fds(open((process + "/fd").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fds.valid()) return;
    absl::StatusOr<std::vector<std::string>> names = DirectoryNames(fds.get(), process);
    if (!names.ok()) return;
    for (const std::string& fd : *names) {
      const std::optional<std::string> target = Link(absl::StrCat(process, "/fd/", fd));
      if (Uses(target, foreign)) Note(pid, process, target, foreign, Writes(process, fd));
    }
  }

  std::vector<ProcessUse> Take() { return std::move(uses_); }

 private:
  // nullptr for a process in our own mount namespace, or where that cannot be told.
  const std::vector<MountEntry>* ForeignMounts(const std::string& process) {
    const std::optional<std::string> name = Link(process + "/ns/mnt");
    if (!name.has_value() || name == own_namespace_) return nullptr;
    const auto known = namespaces_.find(*name);
    if (known != namespaces_.end()) return &known->second;
    absl::StatusOr<std::vector<MountEntry>> mounts = ReadMountInfo(process + "/mountinfo");
    if (!mounts.ok()) return nullptr;
    return &namespaces_.emplace(*name, *std::move(mounts)).first->second;
  }

  bool Uses(const std::optional<std::string>& target,
            const std::vector<MountEntry>* foreign) const {
    if (!target.has_value() || target->empty() || (*target)[0] != '/') return false;
    if (foreign == nullptr) return IsAtOrBelow(*target, top_);
    const std::optional<Place> place = Locate(*foreign, *target);
    return place.has_value() && place_.has_value() && place->device == place_->device &&
           IsAtOrBelow(place->path, place_->path);
  }

  void Note(int pid, const std::string& process, const std::optional<std::string>& target,
            const std::vector<MountEntry>* foreign, bool writing) {
    if (!Uses(target, foreign)) return;
    const auto same = std::find_if(uses_.begin(), uses_.end(), [&](const ProcessUse& use) {
      return use.pid == pid && use.path == *target;
    });
    if (same != uses_.end()) {
      same->writing = same->writing || writing;
      return;
    }
    absl::StatusOr<std::string> command = ReadKernelFile(process + "/comm");
    if (command.ok() && !command->empty() && command->back() == '\n') command->pop_back();
    uses_.push_back({pid, command.value_or(""), *target, writing});
  }

  // "flags:\t0100001", octal, in fdinfo. What cannot be told is taken for writing.
  static bool Writes(const std::string& process, const std::string& fd) {
    absl::StatusOr<std::string> info = ReadKernelFile(absl::StrCat(process, "/fdinfo/", fd));
    if (!info.ok()) return true;
    for (const absl::string_view line : absl::StrSplit(*info, '\n')) {
      if (line.substr(0, 6) == "flags:" && !line.empty()) {
        const char last = line.back();  // the last octal digit holds the access mode
        return last < '0' || last > '7' || ((last - '0') & O_ACCMODE) != O_RDONLY;
      }
    }
    return true;
  }

  const std::string top_;
  const std::optional<std::string> own_namespace_;
  const std::optional<Place> place_;
  std::map<std::string, std::vector<MountEntry>> namespaces_;
  std::vector<ProcessUse> uses_;
};

}  // namespace

absl::StatusOr<std::vector<ProcessUse>> LinuxHost::ProcessesUsing(const std::string& path) {
  // Through the walk: a path with a link in it would never match what the kernel reports.
  absl::StatusOr<FileDescriptor> checked = OpenPath(path, O_PATH);
  if (!checked.ok()) return checked.status();
  absl::StatusOr<std::vector<MountEntry>> mounts = ReadMountInfo("/proc/self/mountinfo");
  if (!mounts.ok()) return mounts.status();
  const FileDescriptor proc(open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!proc.valid()) return ErrnoStatus(errno, "open", "/proc");
  absl::StatusOr<std::vector<std::string>> names = DirectoryNames(proc.get(), "/proc");
  if (!names.ok()) return names.status();
  Search search(path, *mounts);
  for (const std::string& name : *names) {
    int pid = 0;
    if (absl::SimpleAtoi(name, &pid) && pid != getpid()) search.LookAt(pid);
  }
  return search.Take();
}

}  // namespace bpa::executor
