#include "proto/chunker.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "proto/sha256.h"

namespace bpa {
namespace {

using GearTable = std::array<uint64_t, 256>;

// Before the average length a cut is made less likely, behind it more: lengths gather around it.
// The top bits of the hash are those that all of the last 64 bytes reach.
constexpr uint64_t TopBits(int bits) { return ~uint64_t{0} << (64 - bits); }
// By how many bits.
constexpr int kNormalization = 2;

// Random numbers that anybody can compute: nothing up the sleeve, and no table to mistype.
const GearTable& Gear() {
  static const GearTable table = [] {
    GearTable made;
    for (size_t byte = 0; byte < made.size(); ++byte) {
      const Sha256 digest = DigestOf(absl::StrCat("bpa gear ", byte));
      made[byte] = 0;
      for (size_t i = 0; i < sizeof(uint64_t); ++i) made[byte] = made[byte] << 8 | digest[i];
    }
    return made;
  }();
  return table;
}

// The first position in [begin, end) behind whose byte `mask` of the hash is zero; `end` if none.
// `hash` goes on.
const uint8_t* FindCut(const uint8_t* begin, const uint8_t* end, const GearTable& gear,
                       uint64_t mask, uint64_t* hash) {
  uint64_t h = *hash;
  const uint8_t* at = begin;
  for (; end - at >= 4; at += 4) {
    const uint64_t h1 = (h << 1) + gear[at[0]];
    if ((h1 & mask) == 0) return at;
    const uint64_t h2 = (h1 << 1) + gear[at[1]];
    if ((h2 & mask) == 0) return at + 1;
    const uint64_t h3 = (h2 << 1) + gear[at[2]];
    if ((h3 & mask) == 0) return at + 2;
    h = (h3 << 1) + gear[at[3]];
    if ((h & mask) == 0) return at + 3;
  }
  for (; at < end; ++at) {
    h = (h << 1) + gear[*at];
    if ((h & mask) == 0) return at;
  }
  *hash = h;
  return end;
}

}  // namespace

size_t FirstPiece(std::string_view bytes, const CutSizes& sizes) {
  if (bytes.size() <= sizes.min) return bytes.size();
  const auto* data = reinterpret_cast<const uint8_t*>(bytes.data());
  const uint8_t* average = data + std::min(bytes.size(), sizes.average());
  const uint8_t* end = data + std::min(bytes.size(), sizes.largest);
  const GearTable& gear = Gear();
  uint64_t hash = 0;
  const uint8_t* cut =
      FindCut(data + sizes.min, average, gear, TopBits(sizes.average_bits + kNormalization), &hash);
  if (cut == average)
    cut = FindCut(average, end, gear, TopBits(sizes.average_bits - kNormalization), &hash);
  return static_cast<size_t>(cut - data) + (cut == end ? 0 : 1);
}

}  // namespace bpa
