// Where one package lives: its destination, and what we keep beside it.
//
//   <parent>/<name>                        the published tree
//   <parent>/.bpa-packages/<name>/         ours: mode 0700, root's, on the same filesystem
//     record/{manifest,stat}               of the published tree
//     incoming/{record/,tree/}             what is being received
//     incoming/publishing                  its publication is under way (publish.h)
//     previous/{record/,tree/}             what was kept for a rollback
//     kept-N/tree/                         what was never ours; removed by people only
//     abandoned/                           an incoming one for another manifest; its content serves
//     removed/                             on its way out
//     index.db                             where which content is; made anew for each use
#ifndef BPA_AGENT_EXECUTOR_PACKAGE_SITE_H_
#define BPA_AGENT_EXECUTOR_PACKAGE_SITE_H_

#include <sys/stat.h>

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/executor/linux/paths.h"
#include "agent/executor/package/tree_record.h"

namespace bpa::executor {

inline constexpr char kStoreDirectory[] = ".bpa-packages";

struct Site {
  std::string destination;
  FileDescriptor parent;
  std::string name;
  // Not valid where nothing has been staged yet.
  FileDescriptor store;
  std::string store_path;
};

// NotFound when the parent does not exist; FailedPrecondition when it is reached through a link, or
// when what should be our store is somebody else's.
absl::StatusOr<Site> OpenSite(const std::string& destination);
// Makes the store if there is none, and locks it until the site is closed: Unavailable when another
// process holds it.
absl::Status MakeStore(Site& site);

// The tree at the destination; nothing when there is none. FailedPrecondition when something else
// is there: a link, a file, a mount point.
absl::StatusOr<std::optional<struct statx>> StatDestination(const Site& site);

// Of what a record in the store tells: `directory` is "record", "incoming/record" or
// "previous/record". Nothing when there is none, or none that is whole.
absl::StatusOr<std::optional<TreeIdentity>> FindIdentity(const Site& site,
                                                         const std::string& directory);

// What is known of the tree with this root.
struct KnownTree {
  std::string record;  // its directory in the store
  TreeIdentity tree;
};
absl::StatusOr<std::optional<KnownTree>> FindKnownTree(const Site& site, const RootId& root);

// In the store, by a path relative to it. Nothing when it does not exist.
absl::StatusOr<std::optional<struct statx>> StatInStore(const Site& site, const std::string& path);
absl::StatusOr<FileDescriptor> OpenInStore(const Site& site, const std::string& path, int flags);
// Empty, mode 0600, in place of what was there.
absl::StatusOr<FileDescriptor> CreateInStore(const Site& site, const std::string& path);
// Mode 0700; one that exists serves.
absl::Status MakeDirectoryInStore(const Site& site, const std::string& path);
// `flags` of renameat2(2).
absl::Status RenameInStore(const Site& site, const std::string& from, const std::string& to,
                           unsigned flags = 0);
absl::Status SyncDirectoryInStore(const Site& site, const std::string& path);
// A file or a tree; OK if it does not exist.
absl::Status RemoveInStore(const Site& site, const std::string& path);

std::string ShownInStore(const Site& site, const std::string& path);

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_PACKAGE_SITE_H_
