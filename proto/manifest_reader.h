// Reads a manifest from a file, entry by entry.
#ifndef BPA_PROTO_MANIFEST_READER_H_
#define BPA_PROTO_MANIFEST_READER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/manifest.h"

namespace bpa {

// A place in a manifest to come back to. Only a ManifestReader of the same bytes can make sense of
// it.
struct ManifestPosition {
  uint64_t entry_offset = 0;  // in the manifest
  uint64_t next_offset = 0;
  // How many there have been so far, those of the current file included.
  uint64_t entries = 0;
  uint64_t chunks = 0;
  uint64_t content_bytes = 0;
  uint64_t file_offset = 0;  // where in its file the next segment begins
  bool after_hole = false;
};

// The caller has checked the file's digest: what is refused here is a signer's mistake, not an
// attack, but it is refused all the same. Holds a buffer of fixed size whatever the manifest's
// size. For one thread.
class ManifestReader {
 public:
  // `fd` is a regular file and stays the caller's; read with pread, its offset is not used.
  // InvalidArgument, with the offset, for anything that PROTOCOL.md does not allow; here and below.
  static absl::StatusOr<std::unique_ptr<ManifestReader>> Open(int fd);

  const ManifestHeader& header() const { return header_; }

  // The next entry; nothing at the end, which is only reached when counts add up and no byte is
  // left. What is left of the entry before is read over.
  absl::StatusOr<std::optional<ManifestEntry>> Next();
  // The next segment of the file that Next returned; nothing after its last.
  absl::StatusOr<std::optional<ManifestSegment>> NextSegment();

  // Right after the entry or segment that was returned last.
  const ManifestPosition& position() const { return position_; }
  // Goes to `position`, which may lie before or ahead, and returns the entry that it is in. What
  // lies in between is neither read nor checked. Nothing when the position is before the first
  // entry: the beginning.
  absl::StatusOr<std::optional<ManifestEntry>> Seek(const ManifestPosition& position);

 private:
  explicit ManifestReader(int fd);
  absl::Status ReadHeader();
  // The next `count` bytes; valid until the next call.
  absl::StatusOr<std::string_view> Take(size_t count, const char* what);
  absl::Status Fill(size_t count);
  absl::Status ParseEntry(ManifestEntry* entry);
  absl::Status ParseTarget(ManifestEntry* entry);
  absl::Status CountEntry(const ManifestEntry& entry);
  absl::Status ParseData(ManifestSegment* segment);
  absl::Status ParseHole(ManifestSegment* segment);
  absl::Status CheckEnd();
  absl::Status Error(uint64_t offset, std::string_view what) const;

  const int fd_;
  ManifestHeader header_;
  std::string buffer_;
  uint64_t buffer_offset_ = 0;  // of the buffer's first byte in the manifest
  ManifestPosition position_;
  // Has no path yet while `position_.entries` is 0.
  ManifestEntry current_;
};

}  // namespace bpa

#endif  // BPA_PROTO_MANIFEST_READER_H_
