// What is in a package: a tree's paths, types, modes, times and content, as canonical bytes; byte
// by byte in PROTOCOL.md. A manifest may be larger than memory: both directions stream.
#ifndef BPA_PROTO_MANIFEST_H_
#define BPA_PROTO_MANIFEST_H_

#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "proto/sha256.h"

namespace bpa {

inline constexpr std::string_view kManifestMagic = "BPAM";
inline constexpr uint8_t kManifestVersion = 1;
inline constexpr size_t kManifestHeaderBytes = 32;
inline constexpr uint64_t kMaxManifestBytes = uint64_t{4} * 1024 * 1024 * 1024;
inline constexpr size_t kMaxManifestPathBytes = 4096;
inline constexpr size_t kMaxSymlinkTargetBytes = 4095;
inline constexpr uint32_t kMaxChunkBytes = 1024 * 1024;
// What a kernel's file offset holds; also of all files together.
inline constexpr uint64_t kMaxContentBytes = INT64_MAX;

enum class EntryType : uint8_t { kDirectory = 1, kFile = 2, kSymlink = 3 };
enum class SegmentType : uint8_t { kData = 1, kHole = 2 };

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
  uint64_t chunk = 0;  // data: number among the manifest's data chunks; what a Want names

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

// What is wrong with an entry that comes after `previous` (null: it is the first), or nothing.
// Together with `previous` being right, this is all that there is to know about the tree's shape.
std::string ManifestEntryProblem(const ManifestEntry* previous, const ManifestEntry& entry);

// A path for people, in quotes: UTF-8 stays readable, control characters and stray bytes become
// \n, \x1b and the like, so that it is one line of valid UTF-8.
std::string QuotedPath(std::string_view path);

}  // namespace bpa

#endif  // BPA_PROTO_MANIFEST_H_
