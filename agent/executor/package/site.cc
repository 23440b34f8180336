#include "agent/executor/package/site.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/executor/linux/remove_below.h"
#include "agent/executor/linux/tree_walk.h"
#include "agent/executor/path.h"
#include "proto/trusted_file.h"

namespace bpa::executor {
namespace {

constexpr mode_t kOwnMode = 0700;
constexpr int kDirectoryFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;

// Whoever could write here could put their content into a tree that is about to be published.
absl::Status CheckOwn(int fd, const std::string& shown) {
  const absl::StatusOr<struct stat> info = StatDescriptor(fd, shown);
  if (!info.ok()) return info.status();
  if (info->st_uid == geteuid() && (info->st_mode & 0777) == kOwnMode) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      shown,
      " is not a directory of the agent's (root's, mode 0700): move it away, then run again"));
}

absl::StatusOr<FileDescriptor> OpenOwn(int directory, const std::string& name,
                                       const std::string& shown) {
  absl::StatusOr<FileDescriptor> opened = OpenBelow(directory, name, kDirectoryFlags, shown);
  if (!opened.ok()) return opened.status();
  if (absl::Status s = CheckOwn(opened->get(), shown); !s.ok()) return s;
  return opened;
}

absl::StatusOr<FileDescriptor> MakeOwn(int directory, const std::string& name,
                                       const std::string& shown) {
  const bool made = mkdirat(directory, name.c_str(), kOwnMode) == 0;
  if (!made && errno != EEXIST) return ErrnoStatus(errno, "mkdir", shown);
  if (!made) return OpenOwn(directory, name, shown);
  absl::StatusOr<FileDescriptor> opened = OpenBelow(directory, name, kDirectoryFlags, shown);
  if (!opened.ok()) return opened.status();
  // Whatever the umask and the parent's set-group-ID bit have made of it.
  if (fchmod(opened->get(), kOwnMode) != 0) return ErrnoStatus(errno, "fchmod", shown);
  return opened;
}

}  // namespace

absl::StatusOr<Site> OpenSite(const std::string& destination) {
  absl::StatusOr<ParentDirectory> parent = OpenParent(destination);
  if (!parent.ok()) return parent.status();
  Site site{.destination = destination,
            .parent = std::move(parent->directory),
            .name = std::move(parent->name)};
  const std::string all = JoinPath(parent->path, kStoreDirectory);
  site.store_path = JoinPath(all, site.name);
  const absl::StatusOr<FileDescriptor> stores = OpenOwn(site.parent.get(), kStoreDirectory, all);
  if (absl::IsNotFound(stores.status())) return site;
  if (!stores.ok()) return stores.status();
  absl::StatusOr<FileDescriptor> store = OpenOwn(stores->get(), site.name, site.store_path);
  if (absl::IsNotFound(store.status())) return site;
  if (!store.ok()) return store.status();
  site.store = *std::move(store);
  return site;
}

absl::Status MakeStore(Site& site) {
  if (!site.store.valid()) {
    const absl::StatusOr<FileDescriptor> stores =
        MakeOwn(site.parent.get(), kStoreDirectory, ParentOf(site.store_path));
    if (!stores.ok()) return stores.status();
    absl::StatusOr<FileDescriptor> store = MakeOwn(stores->get(), site.name, site.store_path);
    if (!store.ok()) return store.status();
    site.store = *std::move(store);
  }
  return LockDescriptor(site.store.get(), LOCK_EX, site.store_path);
}

absl::StatusOr<std::optional<struct statx>> StatDestination(const Site& site) {
  absl::StatusOr<struct statx> info = StatEntry(site.parent.get(), site.name, site.destination);
  if (absl::IsNotFound(info.status())) return std::nullopt;
  if (!info.ok()) return info.status();
  if (!S_ISDIR(info->stx_mode)) {
    return absl::FailedPreconditionError(absl::StrCat(
        site.destination, S_ISLNK(info->stx_mode) ? " is a symbolic link" : " is not a directory",
        ", where a package is to be published: move it away, then run again"));
  }
  const absl::StatusOr<struct statx> parent =
      StatEntry(site.parent.get(), "", ParentOf(site.destination));
  if (!parent.ok()) return parent.status();
  if (parent->stx_mnt_id != info->stx_mnt_id) {
    return absl::FailedPreconditionError(absl::StrCat(
        site.destination, " is a mount point, and a package is published by a rename, ",
        "which cannot take its place: name a directory below it"));
  }
  return *info;
}

absl::StatusOr<std::optional<TreeIdentity>> FindIdentity(const Site& site,
                                                         const std::string& directory) {
  if (!site.store.valid()) return std::nullopt;
  absl::StatusOr<FileDescriptor> file =
      OpenInStore(site, absl::StrCat(directory, "/stat"), O_RDONLY);
  if (absl::IsNotFound(file.status())) return std::nullopt;
  if (!file.ok()) return file.status();
  const absl::StatusOr<TreeRecordReader> record = TreeRecordReader::Open(*std::move(file));
  if (absl::IsDataLoss(record.status())) return std::nullopt;
  if (!record.ok()) return record.status();
  return record->tree();
}

absl::StatusOr<std::optional<KnownTree>> FindKnownTree(const Site& site, const RootId& root) {
  for (const char* directory : {"record", "incoming/record", "previous/record"}) {
    absl::StatusOr<std::optional<TreeIdentity>> tree = FindIdentity(site, directory);
    if (!tree.ok()) return tree.status();
    if (*tree && (*tree)->root == root) return KnownTree{directory, **std::move(tree)};
  }
  return std::nullopt;
}

absl::StatusOr<std::optional<struct statx>> StatInStore(const Site& site, const std::string& path) {
  if (!site.store.valid()) return std::nullopt;
  absl::StatusOr<struct statx> info = StatEntry(site.store.get(), path, ShownInStore(site, path));
  if (absl::IsNotFound(info.status())) return std::nullopt;
  if (!info.ok()) return info.status();
  return *info;
}

absl::StatusOr<FileDescriptor> OpenInStore(const Site& site, const std::string& path, int flags) {
  return OpenBelow(site.store.get(), path, flags | O_NOFOLLOW, ShownInStore(site, path));
}

absl::StatusOr<FileDescriptor> CreateInStore(const Site& site, const std::string& path) {
  return OpenBelow(site.store.get(), path, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW,
                   ShownInStore(site, path), 0600);
}

absl::Status MakeDirectoryInStore(const Site& site, const std::string& path) {
  if (mkdirat(site.store.get(), path.c_str(), kOwnMode) == 0 || errno == EEXIST) {
    return absl::OkStatus();
  }
  return ErrnoStatus(errno, "mkdir", ShownInStore(site, path));
}

absl::Status RenameInStore(const Site& site, const std::string& from, const std::string& to,
                           unsigned flags) {
  const int store = site.store.get();
  if (renameat2(store, from.c_str(), store, to.c_str(), flags) == 0) return absl::OkStatus();
  return ErrnoStatus(errno, "rename", ShownInStore(site, from));
}

absl::Status SyncDirectoryInStore(const Site& site, const std::string& path) {
  const absl::StatusOr<FileDescriptor> directory = OpenInStore(site, path, O_RDONLY | O_DIRECTORY);
  if (!directory.ok()) return directory.status();
  if (fsync(directory->get()) == 0) return absl::OkStatus();
  return ErrnoStatus(errno, "fsync", ShownInStore(site, path));
}

absl::Status RemoveInStore(const Site& site, const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string shown = ShownInStore(site, path);
  if (slash == std::string::npos) return RemoveBelow(site.store.get(), path, shown);
  const absl::StatusOr<FileDescriptor> parent =
      OpenInStore(site, path.substr(0, slash), O_RDONLY | O_DIRECTORY);
  if (absl::IsNotFound(parent.status())) return absl::OkStatus();
  if (!parent.ok()) return parent.status();
  return RemoveBelow(parent->get(), path.substr(slash + 1), shown);
}

std::string ShownInStore(const Site& site, const std::string& path) {
  return JoinPath(site.store_path, path);
}

}  // namespace bpa::executor
