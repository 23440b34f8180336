// A tree on its way to being whole, and what its parts share.
#ifndef BPA_AGENT_EXECUTOR_PACKAGE_ASSEMBLY_H_
#define BPA_AGENT_EXECUTOR_PACKAGE_ASSEMBLY_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/executor/linux/paths.h"
#include "agent/executor/package/chunk_set.h"
#include "agent/executor/package/content_check.h"
#include "agent/executor/package/progress.h"
#include "agent/executor/package/site.h"
#include "agent/executor/package/tree_builder.h"
#include "proto/manifest_reader.h"

namespace bpa::executor {

// Which chunks are on the disk, because they have been read from there with the right digest.
class GoodChunks : public ContentVerdicts {
 public:
  explicit GoodChunks(uint64_t chunks) : good_(chunks) {}

  bool Has(uint64_t chunk) const { return good_.Has(chunk); }
  // From here on what differs is a failure and no longer a chunk to be wanted.
  void BeStrict() { strict_ = true; }
  // The first failure since then.
  absl::Status failure() const;

  void Good(const CheckedFile& file, const ManifestSegment& segment) override;
  void Bad(const CheckedFile& file, const ManifestSegment& segment,
           const absl::Status& why) override;

 private:
  ChunkSet good_;
  std::atomic<bool> strict_ = false;
  std::atomic<bool> failed_ = false;
  mutable std::mutex mutex_;
  absl::Status failure_;  // guarded by mutex_
};

struct Assembly {
  Assembly(const Site& the_site, int the_manifest, const ManifestHeader& header, int the_root,
           uint32_t uid, uint32_t gid, ProgressTeller& teller);

  const Site& site;
  const int manifest;
  const int root;  // of incoming/tree
  const std::string shown;
  ProgressTeller& progress;
  GoodChunks good;
  ContentCheck check;
  // Equal to an earlier chunk of this same tree: copied from there when that has come.
  ChunkSet repeated;
  bool any_repeated = false;
  TreeBuilder builder;
};

// A manifest's entries, each handed to `visit` with the reader at its segments.
absl::Status ForEachEntry(
    int manifest, const std::function<absl::Status(const ManifestEntry&, ManifestReader&)>& visit);
absl::Status ForEachSegment(ManifestReader& reader,
                            const std::function<absl::Status(const ManifestSegment&)>& visit);

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_PACKAGE_ASSEMBLY_H_
