#include "agent/executor/linux/tree_walk.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "agent/executor/linux/directory_names.h"
#include "agent/executor/linux/paths.h"
#include "proto/trusted_file.h"

namespace bpa::executor {
namespace {

// A directory on the way from the root to where the walk stands.
struct Level {
  std::string path;  // relative; empty for the root
  std::string name;
  struct statx info;
  std::vector<std::string> names;
  size_t next = 0;
};

class Walk {
 public:
  Walk(int root, const std::string& shown, TreeVisitor& visitor)
      : root_(root), shown_(shown), visitor_(visitor) {}

  absl::Status Run() {
    absl::StatusOr<struct statx> info = StatEntry(root_, "", shown_);
    if (!info.ok()) return info.status();
    mount_ = info->stx_mnt_id;
    FileDescriptor own(openat(root_, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!own.valid()) return ErrnoStatus(errno, "openat", shown_);
    if (absl::Status s = Descend(std::move(own), "", "", *info); !s.ok()) return s;
    while (!levels_.empty()) {
      if (absl::Status s = Step(); !s.ok()) return s;
    }
    return absl::OkStatus();
  }

 private:
  std::string Shown(const std::string& path) const { return absl::StrCat(shown_, "/", path); }

  absl::Status Step() {
    Level& level = levels_.back();
    if (level.next == level.names.size()) return Ascend();
    const std::string name = level.names[level.next++];
    const std::string path = level.path.empty() ? name : absl::StrCat(level.path, "/", name);
    absl::StatusOr<struct statx> info = StatEntry(current_.get(), name, Shown(path));
    if (absl::IsNotFound(info.status())) return absl::OkStatus();
    if (!info.ok()) return info.status();
    if (absl::Status s = CheckMount(*info, path); !s.ok()) return s;
    if (!S_ISDIR(info->stx_mode)) {
      return visitor_.Visit({.path = path, .parent = current_.get(), .name = name, .info = *info});
    }
    return Enter(name, path);
  }

  absl::Status CheckMount(const struct statx& info, const std::string& path) const {
    if (info.stx_mnt_id == mount_) return absl::OkStatus();
    return absl::FailedPreconditionError(
        absl::StrCat(Shown(path), " is a mount point; unmount it first"));
  }

  absl::Status Enter(const std::string& name, const std::string& path) {
    absl::StatusOr<FileDescriptor> child =
        OpenBelow(current_.get(), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, Shown(path));
    if (absl::IsNotFound(child.status())) return absl::OkStatus();
    if (!child.ok()) return child.status();
    // What was opened counts, not what was seen before.
    absl::StatusOr<struct statx> info = StatEntry(child->get(), "", Shown(path));
    if (!info.ok()) return info.status();
    if (absl::Status s = CheckMount(*info, path); !s.ok()) return s;
    absl::Status s =
        visitor_.Visit({.path = path, .parent = current_.get(), .name = name, .info = *info});
    if (!s.ok()) return s;
    return Descend(*std::move(child), path, name, *info);
  }

  absl::Status Descend(FileDescriptor fd, const std::string& path, const std::string& name,
                       const struct statx& info) {
    absl::StatusOr<std::vector<std::string>> names = DirectoryNames(fd.get(), Shown(path));
    if (!names.ok()) return names.status();
    levels_.push_back(Level{path, name, info, *std::move(names)});
    current_ = std::move(fd);
    return absl::OkStatus();
  }

  absl::Status Ascend() {
    const Level left = std::move(levels_.back());
    levels_.pop_back();
    if (levels_.empty()) return absl::OkStatus();
    FileDescriptor parent(openat(current_.get(), "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!parent.valid()) return ErrnoStatus(errno, "openat", Shown(left.path) + "/..");
    absl::StatusOr<struct statx> info = StatEntry(parent.get(), "", Shown(left.path) + "/..");
    if (!info.ok()) return info.status();
    const struct statx& expected = levels_.back().info;
    if (info->stx_ino != expected.stx_ino || info->stx_mnt_id != expected.stx_mnt_id) {
      return absl::AbortedError(
          absl::StrCat(Shown(left.path), " was moved elsewhere while it was being walked"));
    }
    current_ = std::move(parent);
    return visitor_.Leave(
        {.path = left.path, .parent = current_.get(), .name = left.name, .info = left.info});
  }

  const int root_;
  const std::string& shown_;
  TreeVisitor& visitor_;
  uint64_t mount_ = 0;
  FileDescriptor current_;
  std::vector<Level> levels_;
};

}  // namespace

absl::StatusOr<struct statx> StatEntry(int directory, const std::string& name,
                                       const std::string& shown) {
  struct statx info = {};
  const int flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | (name.empty() ? AT_EMPTY_PATH : 0);
  if (statx(directory, name.c_str(), flags, STATX_BASIC_STATS | STATX_BTIME | STATX_MNT_ID,
            &info) != 0) {
    return ErrnoStatus(errno, "statx", shown);
  }
  return info;
}

absl::Status WalkTree(int root, const std::string& shown, TreeVisitor& visitor) {
  return Walk(root, shown, visitor).Run();
}

}  // namespace bpa::executor
