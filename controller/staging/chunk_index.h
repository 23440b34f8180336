// Finds data chunks in a manifest by their numbers.
#ifndef BPA_CONTROLLER_STAGING_CHUNK_INDEX_H_
#define BPA_CONTROLLER_STAGING_CHUNK_INDEX_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/manifest_reader.h"

namespace bpa::controller {

// Some places of a manifest, however many chunks it has: at most kMaxPlaces, evenly spread.
class ChunkIndex {
 public:
  static constexpr size_t kMaxPlaces = 4096;

  // Reads the whole manifest once, and so checks it.
  static absl::StatusOr<ChunkIndex> Build(int manifest_fd);

  const ManifestHeader& header() const { return header_; }
  // The last place known before chunk `number`.
  const ManifestPosition& PlaceBefore(uint64_t number) const;

 private:
  void Add(const ManifestPosition& place);

  ManifestHeader header_;
  uint64_t stride_ = 1;  // chunks from one place to the next, at least
  std::vector<ManifestPosition> places_ = {ManifestPosition{}};
};

// Goes through a manifest from chunk to chunk, cheaply where the next one is near. For one thread.
class ChunkFinder {
 public:
  // Both outlive it.
  static absl::StatusOr<ChunkFinder> Open(int manifest_fd, const ChunkIndex& index);

  // OutOfRange if the manifest has no such chunk. Afterwards `entry` is its file.
  absl::StatusOr<ManifestSegment> Find(uint64_t number);
  const ManifestEntry& entry() const { return entry_; }

 private:
  ChunkFinder(std::unique_ptr<ManifestReader> reader, const ChunkIndex& index)
      : reader_(std::move(reader)), index_(&index) {}

  std::unique_ptr<ManifestReader> reader_;
  const ChunkIndex* index_;
  ManifestEntry entry_;
};

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_STAGING_CHUNK_INDEX_H_
