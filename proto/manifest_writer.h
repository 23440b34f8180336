// Writes a manifest to a file, entry by entry.
#ifndef BPA_PROTO_MANIFEST_WRITER_H_
#define BPA_PROTO_MANIFEST_WRITER_H_

#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/manifest.h"

namespace bpa {

struct FinishedManifest {
  Sha256 digest{};
  uint64_t bytes = 0;
  ManifestHeader header;
};

// Refuses (InvalidArgument, naming the path) what a reader would refuse: order, names, modes, sizes.
// For one thread.
class ManifestWriter {
 public:
  // `fd` is an empty regular file and stays the caller's.
  static absl::StatusOr<std::unique_ptr<ManifestWriter>> Create(int fd);
  ~ManifestWriter();

  absl::Status Add(const ManifestEntry& entry);
  // The content of the file added last, from its beginning; must add up to its size.
  absl::Status AddData(uint32_t length, const Sha256& digest);
  absl::Status AddHole(uint64_t length);

  // Writes the header and what is buffered, and reads the file once more for its digest.
  absl::StatusOr<FinishedManifest> Finish();

 private:
  class Impl;
  explicit ManifestWriter(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace bpa

#endif  // BPA_PROTO_MANIFEST_WRITER_H_
