#include "proto/manifest_index.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "proto/big_endian.h"
#include "proto/chunker.h"
#include "proto/read_at.h"
#include "proto/sha256.h"
#include "proto/trusted_file.h"

namespace bpa {
namespace {

// A chunk's line is 37 bytes: one that has changed makes some 30 lines travel, and a piece's entry
// in the index is a fiftieth of the piece.
constexpr CutSizes kPieceSizes = {.min = 256, .average_bits = 10, .largest = 4096};
constexpr size_t kBufferBytes = 256 * 1024;

PieceDigest HalfOf(const Sha256& digest) {
  PieceDigest half;
  std::copy_n(digest.begin(), half.size(), half.begin());
  return half;
}

void AppendEntry(std::string& index, const ManifestPiece& piece) {
  AppendBigEndian(index, piece.length, sizeof piece.length);
  index.append(piece.digest.begin(), piece.digest.end());
}

ManifestPiece ParseEntry(std::string_view entry) {
  ManifestPiece piece;
  piece.length = static_cast<uint32_t>(BigEndian(entry.substr(0, sizeof piece.length)));
  std::memcpy(piece.digest.data(), entry.data() + sizeof piece.length, piece.digest.size());
  return piece;
}

absl::Status Malformed(std::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("manifest index: ", std::string(what)));
}

}  // namespace

absl::Status ForEachManifestPiece(int fd,
                                  const std::function<absl::Status(const ManifestPiece&)>& visit) {
  Sha256Hasher hasher;
  std::vector<char> buffer(kBufferBytes);
  uint64_t begin = 0;  // the buffer's first byte in the file
  size_t carried = 0;
  for (;;) {
    const ssize_t got =
        ReadAt(fd, buffer.data() + carried, buffer.size() - carried, begin + carried);
    if (got < 0) return ErrnoStatus(errno, "pread", "manifest");
    const size_t held = carried + static_cast<size_t>(got);
    const bool at_end = held < buffer.size();
    std::string_view left(buffer.data(), held);
    while (!left.empty() && (at_end || left.size() >= kPieceSizes.largest)) {
      const std::string_view bytes = left.substr(0, FirstPiece(left, kPieceSizes));
      absl::Status s = visit({.offset = begin + (held - left.size()),
                              .length = static_cast<uint32_t>(bytes.size()),
                              .digest = HalfOf(hasher.Of(bytes))});
      if (!s.ok()) return s;
      left.remove_prefix(bytes.size());
    }
    if (at_end) return absl::OkStatus();
    begin += held - left.size();
    carried = left.size();
    std::memmove(buffer.data(), left.data(), carried);
  }
}

absl::StatusOr<std::string> MakeManifestIndex(int fd) {
  struct stat info;
  if (fstat(fd, &info) != 0) return ErrnoStatus(errno, "fstat", "manifest");
  std::string index;
  if (static_cast<uint64_t>(info.st_size) < kMinIndexedManifestBytes) return index;
  bool too_many = false;
  absl::Status s = ForEachManifestPiece(fd, [&](const ManifestPiece& piece) {
    too_many = index.size() == kMaxManifestIndexBytes;
    if (too_many) return absl::ResourceExhaustedError("more pieces than an index holds");
    AppendEntry(index, piece);
    return absl::OkStatus();
  });
  if (too_many) return std::string();
  if (!s.ok()) return s;
  return index;
}

absl::StatusOr<std::vector<ManifestPiece>> ParseManifestIndex(std::string_view index,
                                                              uint64_t manifest_bytes) {
  if (index.size() > kMaxManifestIndexBytes || index.size() % kManifestIndexEntryBytes != 0) {
    return Malformed(absl::StrCat(index.size(), " bytes are not at most ", kMaxManifestPieces,
                                  " entries of ", kManifestIndexEntryBytes));
  }
  std::vector<ManifestPiece> pieces;
  pieces.reserve(index.size() / kManifestIndexEntryBytes);
  uint64_t offset = 0;
  for (; !index.empty(); index.remove_prefix(kManifestIndexEntryBytes)) {
    ManifestPiece piece = ParseEntry(index);
    const bool last = index.size() == kManifestIndexEntryBytes;
    if (piece.length > kPieceSizes.largest || piece.length < (last ? 1 : kPieceSizes.min)) {
      return Malformed(absl::StrCat("a piece of ", piece.length, " bytes at ", offset));
    }
    piece.offset = offset;
    offset += piece.length;
    pieces.push_back(piece);
  }
  if (offset == manifest_bytes) return pieces;
  return Malformed(
      absl::StrCat("its pieces are ", offset, " bytes, the manifest ", manifest_bytes));
}

}  // namespace bpa
