// Which content this node has already, and where.
#ifndef BPA_AGENT_EXECUTOR_PACKAGE_CHUNK_INDEX_H_
#define BPA_AGENT_EXECUTOR_PACKAGE_CHUNK_INDEX_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/sha256.h"
#include "proto/sqlite.h"

namespace bpa::executor {

// A set of digests that may hold more than was added: at most 8 MiB, whatever it is asked to hold.
class DigestFilter {
 public:
  explicit DigestFilter(uint64_t expected);
  // True if it may have been there already.
  bool Add(const bpa::Sha256& digest);
  bool MayHave(const bpa::Sha256& digest) const;

 private:
  std::vector<uint64_t> words_;
  uint64_t mask_;
};

struct ChunkLocation {
  int tree = 0;      // numbered by the caller
  std::string path;  // relative to the tree
  uint64_t offset = 0;
};

// On disk, behind a small cache. A hint and nothing more: whatever is found where it says is
// compared with its digest before it counts. For one thread.
class ChunkIndex {
 public:
  // `path` is an empty file.
  static absl::StatusOr<ChunkIndex> Create(const std::string& path);

  // Only the first location of a digest is kept.
  absl::Status Add(const bpa::Sha256& digest, const ChunkLocation& location);
  absl::StatusOr<std::optional<ChunkLocation>> Find(const bpa::Sha256& digest);

 private:
  struct Open;
  explicit ChunkIndex(std::shared_ptr<Open> open) : open_(std::move(open)) {}

  std::shared_ptr<Open> open_;
};

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_PACKAGE_CHUNK_INDEX_H_
