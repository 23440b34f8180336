// An index that is accepted says where each byte of a manifest is: without gaps, each piece once,
// and for no other manifest's size.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "proto/manifest_index.h"

namespace {

void Require(bool fulfilled) {
  if (!fulfilled) std::abort();
}

// What its entries add up to, whether or not they are allowed.
uint64_t Sum(std::string_view index) {
  uint64_t sum = 0;
  for (; index.size() >= bpa::kManifestIndexEntryBytes;
       index.remove_prefix(bpa::kManifestIndexEntryBytes)) {
    uint32_t length = 0;
    for (const char digit : index.substr(0, 4)) length = length << 8 | static_cast<uint8_t>(digit);
    sum += length;
  }
  return sum;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const uint64_t sum = Sum(bytes);
  Require(!bpa::ParseManifestIndex(bytes, sum + 1).ok());
  const auto pieces = bpa::ParseManifestIndex(bytes, sum);
  if (!pieces.ok()) return 0;
  Require(pieces->size() * bpa::kManifestIndexEntryBytes == size);
  uint64_t end = 0;
  for (const bpa::ManifestPiece& piece : *pieces) {
    Require(piece.offset == end && piece.length > 0);
    end += piece.length;
  }
  Require(end == sum);
  return 0;
}
