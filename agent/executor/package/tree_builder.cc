#include "agent/executor/package/tree_builder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "proto/trusted_file.h"

namespace bpa::executor {
namespace {

std::array<timespec, 2> TimesOf(const ManifestEntry& entry) {
  const timespec time{.tv_sec = entry.mtime_seconds,
                      .tv_nsec = static_cast<long>(entry.mtime_nanoseconds)};
  return {time, time};
}

}  // namespace

absl::Status SetAttributes(const EntryPlace& place, const ManifestEntry& entry, uint32_t uid,
                           uint32_t gid, const std::string& shown) {
  const char* name = place.name.empty() ? "." : place.name.c_str();
  if (fchownat(place.directory, name, uid, gid, AT_SYMLINK_NOFOLLOW) != 0) {
    return ErrnoStatus(errno, "chown", shown);
  }
  // Not through a link: nobody but us can have put one there, and a link has no mode.
  if (entry.type != EntryType::kSymlink && fchmodat(place.directory, name, entry.mode, 0) != 0) {
    return ErrnoStatus(errno, "chmod", shown);
  }
  if (utimensat(place.directory, name, TimesOf(entry).data(), AT_SYMLINK_NOFOLLOW) != 0) {
    return ErrnoStatus(errno, "utimensat", shown);
  }
  return absl::OkStatus();
}

absl::Status WriteAt(int fd, std::string_view bytes, uint64_t offset, const std::string& shown) {
  while (!bytes.empty()) {
    const ssize_t put = pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return ErrnoStatus(errno, "write", shown);
    bytes.remove_prefix(static_cast<size_t>(put));
    offset += static_cast<uint64_t>(put);
  }
  return absl::OkStatus();
}

absl::Status TreeBuilder::Make(const ManifestEntry& entry) {
  if (entry.path.empty()) return absl::OkStatus();
  const absl::StatusOr<EntryPlace> place = cursor_.Find(entry.path);
  if (!place.ok()) return place.status();
  if (entry.type == EntryType::kDirectory) {
    if (mkdirat(place->directory, place->name.c_str(), 0700) == 0 || errno == EEXIST) {
      return absl::OkStatus();
    }
    return ErrnoStatus(errno, "mkdir", Shown(entry));
  }
  if (symlinkat(entry.target.c_str(), place->directory, place->name.c_str()) != 0 &&
      errno != EEXIST) {
    return ErrnoStatus(errno, "symlink", Shown(entry));
  }
  return SetAttributes(*place, entry, uid_, gid_, Shown(entry));
}

absl::StatusOr<FileDescriptor> TreeBuilder::OpenFile(const ManifestEntry& entry) {
  const absl::StatusOr<EntryPlace> place = cursor_.Find(entry.path);
  if (!place.ok()) return place.status();
  FileDescriptor fd(openat(place->directory, place->name.c_str(),
                           O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600));
  if (!fd.valid()) return ErrnoStatus(errno, "open", Shown(entry));
  return fd;
}

absl::Status TreeBuilder::FinishFile(int fd, const ManifestEntry& entry) {
  // Looking is cheaper than setting, a hundred thousand times.
  const absl::StatusOr<struct stat> info = StatDescriptor(fd, entry.path);
  if (!info.ok()) return info.status();
  if (static_cast<uint64_t>(info->st_size) != entry.size &&
      ftruncate(fd, static_cast<off_t>(entry.size)) != 0) {
    return ErrnoStatus(errno, "ftruncate", Shown(entry));
  }
  if ((info->st_uid != uid_ || info->st_gid != gid_) && fchown(fd, uid_, gid_) != 0) {
    return ErrnoStatus(errno, "chown", Shown(entry));
  }
  if (fchmod(fd, entry.mode) != 0) return ErrnoStatus(errno, "chmod", Shown(entry));
  if (futimens(fd, TimesOf(entry).data()) != 0) {
    return ErrnoStatus(errno, "futimens", Shown(entry));
  }
  return absl::OkStatus();
}

absl::Status TreeBuilder::FinishUnopened(const ManifestEntry& entry) {
  const absl::StatusOr<EntryPlace> place = cursor_.Find(entry.path);
  if (!place.ok()) return place.status();
  struct stat info = {};
  const bool there =
      fstatat(place->directory, place->name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0;
  if (there && S_ISREG(info.st_mode) && static_cast<uint64_t>(info.st_size) == entry.size) {
    return SetAttributes(*place, entry, uid_, gid_, Shown(entry));
  }
  const absl::StatusOr<FileDescriptor> opened = OpenFile(entry);
  return opened.ok() ? FinishFile(opened->get(), entry) : opened.status();
}

}  // namespace bpa::executor
