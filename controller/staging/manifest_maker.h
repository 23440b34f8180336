// From a directory to the manifest of what is in it.
#ifndef BPA_CONTROLLER_STAGING_MANIFEST_MAKER_H_
#define BPA_CONTROLLER_STAGING_MANIFEST_MAKER_H_

#include <atomic>
#include <cstdint>
#include <functional>

#include "absl/status/statusor.h"
#include "controller/staging/hash_cache.h"
#include "controller/staging/source_tree.h"
#include "controller/staging/tree_scan.h"
#include "proto/manifest_writer.h"

namespace bpa::controller {

struct MakingProgress {
  uint64_t entries = 0;
  uint64_t bytes = 0;  // of content, hashed or remembered
};

struct ManifestMaking {
  ModePolicy modes;
  // Null: nothing is remembered.
  HashCache* cache = nullptr;
  // 0: as many as there are processors, at most 4.
  int threads = 0;
  // Called a few times a second and when all is read, by the thread that called.
  std::function<void(const MakingProgress&)> progressed;
  // Set: Cancelled. What was hashed so far is remembered.
  const std::atomic<bool>* stop = nullptr;
};

// Writes the manifest of `tree` to the empty file `fd`. The error names what is in the way: a file
// that cannot be read (PermissionDenied), one that changed while it was read (Aborted), what no
// package can hold (FailedPrecondition). Memory does not grow with the tree, but for the names of
// one directory at a time.
absl::StatusOr<FinishedManifest> MakeManifest(const SourceTree& tree, int fd,
                                              const ManifestMaking& making);

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_STAGING_MANIFEST_MAKER_H_
