// A manifest in pieces: a node that has a manifest of much the same tree is sent only those that it
// lacks. Byte by byte in PROTOCOL.md.
#ifndef BPA_PROTO_MANIFEST_INDEX_H_
#define BPA_PROTO_MANIFEST_INDEX_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace bpa {

// The first half of a SHA-256. It only finds a piece; what counts is the digest of the manifest
// that is put together.
using PieceDigest = std::array<uint8_t, 16>;

struct ManifestPiece {
  uint64_t offset = 0;
  uint32_t length = 0;
  PieceDigest digest{};

  friend bool operator==(const ManifestPiece&, const ManifestPiece&) = default;
};

inline constexpr size_t kManifestIndexEntryBytes = sizeof(uint32_t) + sizeof(PieceDigest);
// As many pieces as a node may be asked to look for at once: some 64 MiB of manifest.
inline constexpr size_t kMaxManifestPieces = 64 * 1024;
inline constexpr size_t kMaxManifestIndexBytes = kMaxManifestPieces * kManifestIndexEntryBytes;
// Below this, asking twice takes longer than sending it.
inline constexpr uint64_t kMinIndexedManifestBytes = 64 * 1024;

// The pieces of the file `fd`, in order, until `visit` fails.
absl::Status ForEachManifestPiece(int fd,
                                  const std::function<absl::Status(const ManifestPiece&)>& visit);

// Empty for a manifest that is to be sent whole: it is small, or has more than kMaxManifestPieces.
absl::StatusOr<std::string> MakeManifestIndex(int fd);

// InvalidArgument unless these are the pieces of `manifest_bytes` bytes: whole entries, at most
// kMaxManifestPieces, of lengths that a piece can have and that add up.
absl::StatusOr<std::vector<ManifestPiece>> ParseManifestIndex(std::string_view index,
                                                              uint64_t manifest_bytes);

}  // namespace bpa

#endif  // BPA_PROTO_MANIFEST_INDEX_H_
