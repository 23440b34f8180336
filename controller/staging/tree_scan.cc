#include "controller/staging/tree_scan.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>
#include <memory>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/limits.h"

namespace bpa::controller {
namespace {

constexpr int kDirectoryFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

const char* RefusedKind(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFBLK:
      return "a block device";
    case S_IFCHR:
      return "a character device";
    case S_IFIFO:
      return "a FIFO";
    case S_IFSOCK:
      return "a socket";
    default:
      return "neither a file nor a directory nor a symlink";
  }
}

}  // namespace

absl::StatusOr<std::optional<ScannedEntry>> TreeScan::Next() {
  if (!begun_) {
    begun_ = true;
    return ScanRoot();
  }
  while (!levels_.empty() && levels_.back().next == levels_.back().offsets.size()) {
    levels_.pop_back();
  }
  if (levels_.empty()) return std::nullopt;
  Level& level = levels_.back();
  const char* name = level.names.data() + level.offsets[level.next++];
  path_.resize(level.path_bytes);
  absl::StrAppend(&path_, path_.empty() ? "" : "/", name);
  return Scan(level, name);
}

absl::StatusOr<ScannedEntry> TreeScan::ScanRoot() {
  ScannedEntry scanned;
  struct stat info;
  if (fstat(tree_.root(), &info) != 0) return tree_.Error(errno, "fstat", "");
  if (absl::Status status = Describe(info, &scanned); !status.ok()) return status;
  OwnedFd root(openat(tree_.root(), ".", kDirectoryFlags));
  if (root.get() < 0) return tree_.Error(errno, "open", "");
  if (absl::Status status = Enter(std::move(root)); !status.ok()) return status;
  return scanned;
}

absl::StatusOr<ScannedEntry> TreeScan::Scan(const Level& level, const char* name) {
  if (path_.size() > kMaxManifestPathBytes) {
    return absl::FailedPreconditionError(absl::StrCat(tree_.Quoted(path_), ": the path is ",
                                                      path_.size(), " bytes long; at most ",
                                                      kMaxManifestPathBytes));
  }
  ScannedEntry scanned;
  scanned.entry.path = path_;
  struct stat info;
  if (fstatat(level.fd.get(), name, &info, AT_SYMLINK_NOFOLLOW) != 0) {
    return tree_.Error(errno, "stat", path_);
  }
  if (absl::Status status = Describe(info, &scanned); !status.ok()) return status;
  if (scanned.entry.type == EntryType::kSymlink) {
    std::string target(kMaxSymlinkTargetBytes + 1, '\0');
    const ssize_t bytes = readlinkat(level.fd.get(), name, target.data(), target.size());
    if (bytes < 0) return tree_.Error(errno == EINVAL ? ENOENT : errno, "readlink", path_);
    target.resize(static_cast<size_t>(bytes));
    scanned.entry.target = std::move(target);
  }
  if (scanned.entry.type == EntryType::kDirectory) {
    OwnedFd directory(openat(level.fd.get(), name, kDirectoryFlags));
    if (directory.get() < 0) return tree_.Error(errno, "open", path_);
    if (absl::Status status = Enter(std::move(directory)); !status.ok()) return status;
  }
  return scanned;
}

absl::Status TreeScan::Enter(OwnedFd directory) {
  Level level{.fd = std::move(directory), .path_bytes = path_.size()};
  // fdopendir takes the descriptor and its offset: the level keeps its own.
  const int listed = openat(level.fd.get(), ".", kDirectoryFlags);
  if (listed < 0) return tree_.Error(errno, "open", path_);
  if (absl::Status status = ReadNames(listed, &level); !status.ok()) return status;
  const char* names = level.names.data();
  std::sort(level.offsets.begin(), level.offsets.end(),
            [names](uint32_t a, uint32_t b) { return std::strcmp(names + a, names + b) < 0; });
  levels_.push_back(std::move(level));
  return absl::OkStatus();
}

absl::Status TreeScan::ReadNames(int directory, Level* level) const {
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(fdopendir(directory), closedir);
  if (stream == nullptr) {
    const int error = errno;
    close(directory);
    return tree_.Error(error, "opendir", path_);
  }
  for (;;) {
    errno = 0;
    const dirent* found = readdir(stream.get());  // NOLINT(concurrency-mt-unsafe): own stream
    if (found == nullptr) break;
    const std::string_view name = found->d_name;
    if (name == "." || name == "..") continue;
    if (level->names.size() > std::numeric_limits<uint32_t>::max() - kMaxPathComponentBytes - 1) {
      return absl::FailedPreconditionError(
          absl::StrCat(tree_.Quoted(path_), " holds too many names"));
    }
    level->offsets.push_back(static_cast<uint32_t>(level->names.size()));
    level->names.append(name.data(), name.size() + 1);
  }
  return errno == 0 ? absl::OkStatus() : tree_.Error(errno, "readdir", path_);
}

absl::Status TreeScan::Describe(const struct stat& info, ScannedEntry* scanned) const {
  ManifestEntry& entry = scanned->entry;
  entry.mtime_seconds = info.st_mtim.tv_sec;
  entry.mtime_nanoseconds = static_cast<uint32_t>(info.st_mtim.tv_nsec);
  entry.mode = static_cast<uint16_t>(info.st_mode & 0777);
  if (S_ISREG(info.st_mode)) {
    entry.type = EntryType::kFile;
    entry.mode = modes_.files.value_or(entry.mode);
    entry.size = static_cast<uint64_t>(info.st_size);
    scanned->stamp = FileStamp::Of(info);
  } else if (S_ISDIR(info.st_mode)) {
    entry.mode = modes_.directories.value_or(entry.mode);
  } else if (S_ISLNK(info.st_mode)) {
    entry.type = EntryType::kSymlink;
    entry.mode = 0777;
  } else {
    return absl::FailedPreconditionError(
        absl::StrCat(tree_.Quoted(entry.path), " is ", RefusedKind(info.st_mode),
                     ", which a package cannot hold: remove it from the source"));
  }
  return absl::OkStatus();
}

}  // namespace bpa::controller
