// Walks a tree in the manifest's order.
#ifndef BPA_CONTROLLER_STAGING_TREE_SCAN_H_
#define BPA_CONTROLLER_STAGING_TREE_SCAN_H_

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controller/staging/source_tree.h"
#include "proto/manifest.h"

namespace bpa::controller {

// What modes a tree gets on the nodes.
struct ModePolicy {
  // Absent: each keeps its own, without set-id and sticky bits.
  std::optional<uint16_t> files;
  std::optional<uint16_t> directories;
};

struct ScannedEntry {
  ManifestEntry entry;
  FileStamp stamp;  // of a file
};

// Follows no symlink. Holds the names of the directories that it is in, and an open descriptor for
// each. For one thread.
class TreeScan {
 public:
  // `tree` must outlive it.
  TreeScan(const SourceTree& tree, const ModePolicy& modes) : tree_(tree), modes_(modes) {}

  // The next entry, the root first; nothing after the last. FailedPrecondition names what cannot be
  // in a package: a device, a FIFO, a socket, a path that is too long. Other errors name the path.
  absl::StatusOr<std::optional<ScannedEntry>> Next();

 private:
  // One directory on the way down; what is in it, in order.
  struct Level {
    OwnedFd fd;
    size_t path_bytes = 0;  // of `path_` that are this directory's
    std::string names;      // each ends in NUL
    std::vector<uint32_t> offsets;
    size_t next = 0;
  };

  absl::StatusOr<ScannedEntry> ScanRoot();
  absl::StatusOr<ScannedEntry> Scan(const Level& level, const char* name);
  absl::Status Enter(OwnedFd directory);
  absl::Status ReadNames(int directory, Level* level) const;
  absl::Status Describe(const struct stat& info, ScannedEntry* scanned) const;

  const SourceTree& tree_;
  const ModePolicy modes_;
  bool begun_ = false;
  std::string path_;
  std::vector<Level> levels_;
};

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_STAGING_TREE_SCAN_H_
