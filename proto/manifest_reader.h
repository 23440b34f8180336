// Reads a manifest from a file, entry by entry.
#ifndef BPA_PROTO_MANIFEST_READER_H_
#define BPA_PROTO_MANIFEST_READER_H_

#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/manifest.h"

namespace bpa {

// The caller has checked the file's digest: what is refused here is a signer's mistake, not an
// attack, but it is refused all the same. Holds a buffer of fixed size whatever the manifest's size.
// For one thread.
class ManifestReader {
 public:
  // `fd` is a regular file and stays the caller's; read with pread, its offset is not used.
  // InvalidArgument, with the offset, for anything that PROTOCOL.md does not allow; here and below.
  static absl::StatusOr<std::unique_ptr<ManifestReader>> Open(int fd);
  ~ManifestReader();

  const ManifestHeader& header() const;

  // The next entry; nothing at the end, which is only reached when counts add up and no byte is left.
  // What is left of the entry before is read over.
  absl::StatusOr<std::optional<ManifestEntry>> Next();
  // The next segment of the file that Next returned; nothing after its last.
  absl::StatusOr<std::optional<ManifestSegment>> NextSegment();

 private:
  class Impl;
  explicit ManifestReader(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace bpa

#endif  // BPA_PROTO_MANIFEST_READER_H_
