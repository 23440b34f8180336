#include "controller/staging/chunk_index.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"

namespace bpa::controller {

absl::StatusOr<ChunkIndex> ChunkIndex::Build(int manifest_fd) {
  const absl::StatusOr<std::unique_ptr<ManifestReader>> reader = ManifestReader::Open(manifest_fd);
  if (!reader.ok()) return reader.status();
  ChunkIndex index;
  index.header_ = (*reader)->header();
  for (;;) {
    const absl::StatusOr<std::optional<ManifestEntry>> entry = (*reader)->Next();
    if (!entry.ok()) return entry.status();
    if (!entry->has_value()) return index;
    for (bool more = true; more;) {
      index.Add((*reader)->position());
      const absl::StatusOr<std::optional<ManifestSegment>> segment = (*reader)->NextSegment();
      if (!segment.ok()) return segment.status();
      more = segment->has_value();
    }
  }
}

void ChunkIndex::Add(const ManifestPosition& place) {
  if (place.chunks < places_.back().chunks + stride_) return;
  if (places_.size() == kMaxPlaces) {
    for (size_t i = 0; 2 * i < places_.size(); ++i) places_[i] = places_[2 * i];
    places_.resize((places_.size() + 1) / 2);
    stride_ *= 2;
    if (place.chunks < places_.back().chunks + stride_) return;
  }
  places_.push_back(place);
}

const ManifestPosition& ChunkIndex::PlaceBefore(uint64_t number) const {
  const auto after = std::upper_bound(
      places_.begin(), places_.end(), number,
      [](uint64_t wanted, const ManifestPosition& place) { return wanted < place.chunks; });
  return *(after - 1);
}

absl::StatusOr<ChunkFinder> ChunkFinder::Open(int manifest_fd, const ChunkIndex& index) {
  absl::StatusOr<std::unique_ptr<ManifestReader>> reader = ManifestReader::Open(manifest_fd);
  if (!reader.ok()) return reader.status();
  return ChunkFinder(*std::move(reader), index);
}

absl::StatusOr<ManifestSegment> ChunkFinder::Find(uint64_t number) {
  if (number >= index_->header().chunks) {
    return absl::OutOfRangeError(
        absl::StrCat("there is no chunk ", number, " in a manifest of ", index_->header().chunks));
  }
  const ManifestPosition& place = index_->PlaceBefore(number);
  const uint64_t here = reader_->position().chunks;
  if (here > number || here < place.chunks || reader_->position().entries == 0) {
    absl::StatusOr<std::optional<ManifestEntry>> entry = reader_->Seek(place);
    if (!entry.ok()) return entry.status();
    entry_ = std::move(*entry).value_or(ManifestEntry());
  }
  for (;;) {
    const absl::StatusOr<std::optional<ManifestSegment>> segment = reader_->NextSegment();
    if (!segment.ok()) return segment.status();
    if (segment->has_value()) {
      if (!(*segment)->hole && (*segment)->chunk == number) return **segment;
      continue;
    }
    absl::StatusOr<std::optional<ManifestEntry>> entry = reader_->Next();
    if (!entry.ok()) return entry.status();
    if (!entry->has_value()) return absl::InternalError("the manifest lost chunks");
    entry_ = **std::move(entry);
  }
}

}  // namespace bpa::controller
