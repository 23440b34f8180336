#include "agent/executor/package/want_planner.h"

#include <utility>

namespace bpa::executor {
namespace {

// PROTOCOL.md's limit, and as much as keeps a line busy while the next want is on its way.
constexpr int kMaxRanges = 4096;
constexpr uint64_t kMaxWantBytes = 32 * 1024 * 1024;

void AddChunk(v1::Want& want, uint64_t chunk) {
  if (!want.chunks().empty()) {
    v1::ChunkRange& last = *want.mutable_chunks()->rbegin();
    if (last.first() + last.count() == chunk) {
      last.set_count(last.count() + 1);
      return;
    }
  }
  v1::ChunkRange& range = *want.add_chunks();
  range.set_first(chunk);
  range.set_count(1);
}

}  // namespace

absl::StatusOr<WantPlanner> WantPlanner::Create(int manifest, const bpa::Sha256& digest,
                                                std::function<bool(uint64_t)> wanted) {
  absl::StatusOr<std::unique_ptr<ManifestReader>> reader = ManifestReader::Open(manifest);
  if (!reader.ok()) return reader.status();
  return WantPlanner(*std::move(reader), digest, std::move(wanted));
}

absl::StatusOr<std::optional<ManifestSegment>> WantPlanner::NextChunk() {
  if (held_) return std::exchange(held_, std::nullopt);
  while (!ended_) {
    const absl::StatusOr<std::optional<ManifestSegment>> segment = reader_->NextSegment();
    if (!segment.ok()) return segment.status();
    if (*segment) {
      if (!(*segment)->hole && wanted_((*segment)->chunk)) return **segment;
      continue;
    }
    const absl::StatusOr<std::optional<ManifestEntry>> entry = reader_->Next();
    if (!entry.ok()) return entry.status();
    ended_ = !entry->has_value();
  }
  return std::nullopt;
}

absl::StatusOr<std::optional<SizedWant>> WantPlanner::Next() {
  SizedWant next;
  next.want.set_manifest_sha256(digest_.data(), digest_.size());
  while (next.bytes < kMaxWantBytes) {
    const absl::StatusOr<std::optional<ManifestSegment>> chunk = NextChunk();
    if (!chunk.ok()) return chunk.status();
    if (!*chunk) break;
    if (next.want.chunks_size() == kMaxRanges) {
      const v1::ChunkRange& last = *next.want.chunks().rbegin();
      if (last.first() + last.count() != (*chunk)->chunk) {
        held_ = **chunk;
        break;
      }
    }
    AddChunk(next.want, (*chunk)->chunk);
    next.bytes += (*chunk)->length;
  }
  if (next.bytes == 0) return std::nullopt;
  return next;
}

}  // namespace bpa::executor
