// Writes a manifest to a file, entry by entry.
#ifndef BPA_PROTO_MANIFEST_WRITER_H_
#define BPA_PROTO_MANIFEST_WRITER_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/manifest.h"

namespace bpa {

struct FinishedManifest {
  Sha256 digest{};
  uint64_t bytes = 0;
  ManifestHeader header;
};

// Refuses (InvalidArgument, naming the path) what a reader would refuse: order, names, modes,
// sizes. After an error the file is of no use. For one thread.
class ManifestWriter {
 public:
  // `fd` is an empty regular file and stays the caller's.
  static absl::StatusOr<std::unique_ptr<ManifestWriter>> Create(int fd);

  absl::Status Add(const ManifestEntry& entry);
  // The content of the file added last, from its beginning; must add up to its size.
  absl::Status AddData(uint32_t length, const Sha256& digest);
  absl::Status AddHole(uint64_t length);

  // Writes the header and what is buffered, and reads the file once more for its digest.
  absl::StatusOr<FinishedManifest> Finish();

 private:
  explicit ManifestWriter(int fd) : fd_(fd) {}
  absl::Status CheckComplete() const;
  absl::Status CountContent(uint64_t length);
  absl::Status Flush();
  absl::Status Refuse(const std::string& problem) const;

  const int fd_;
  ManifestHeader header_;
  std::string buffer_;
  uint64_t written_ = 0;  // bytes in the file
  ManifestEntry current_;
  uint64_t content_ = 0;  // of the current file, so far
  bool after_hole_ = false;
};

}  // namespace bpa

#endif  // BPA_PROTO_MANIFEST_WRITER_H_
