// What is in a package: a tree's paths, types, modes, times and content, as canonical bytes; byte by
// byte in PROTOCOL.md. A manifest may be larger than memory: both directions stream.
#ifndef BPA_PROTO_MANIFEST_H_
#define BPA_PROTO_MANIFEST_H_

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace bpa {

inline constexpr size_t kMaxManifestPathBytes = 4096;
inline constexpr size_t kMaxSymlinkTargetBytes = 4095;
inline constexpr uint32_t kMaxChunkBytes = 1024 * 1024;
inline constexpr uint64_t kMaxManifestBytes = uint64_t{4} * 1024 * 1024 * 1024;

using Sha256 = std::array<uint8_t, 32>;

enum class EntryType : uint8_t { kDirectory = 1, kFile = 2, kSymlink = 3 };

struct ManifestEntry {
  // Relative, without "." or ".."; empty for the tree's root, which is the first entry. Any bytes
  // but NUL: names need not be UTF-8.
  std::string path;
  EntryType type = EntryType::kDirectory;
  uint16_t mode = 0;  // within 0777
  int64_t mtime_seconds = 0;
  uint32_t mtime_nanoseconds = 0;
  uint64_t size = 0;   // kFile
  std::string target;  // kSymlink

  friend bool operator==(const ManifestEntry&, const ManifestEntry&) = default;
};

struct ManifestSegment {
  // A hole reads as zeros and has no digest.
  bool hole = false;
  uint64_t offset = 0;  // in its file
  uint64_t length = 0;
  Sha256 digest{};
  uint64_t chunk = 0;  // number among the manifest's data chunks; what a Want names

  friend bool operator==(const ManifestSegment&, const ManifestSegment&) = default;
};

struct ManifestHeader {
  uint64_t entries = 0;
  uint64_t chunks = 0;
  uint64_t content_bytes = 0;

  friend bool operator==(const ManifestHeader&, const ManifestHeader&) = default;
};

// Depth-first order: bytewise, with '/' below every other byte.
std::strong_ordering CompareManifestPaths(std::string_view a, std::string_view b);

}  // namespace bpa

#endif  // BPA_PROTO_MANIFEST_H_
