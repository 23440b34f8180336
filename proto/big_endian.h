// Numbers as they stand in every format of ours: the highest byte first.
#ifndef BPA_PROTO_BIG_ENDIAN_H_
#define BPA_PROTO_BIG_ENDIAN_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace bpa {

// The low `width` bytes of `value`; at most 8.
inline void AppendBigEndian(std::string& out, uint64_t value, size_t width) {
  while (width-- > 0) out.push_back(static_cast<char>(value >> (8 * width)));
}

// Of at most 8 bytes.
inline uint64_t BigEndian(std::string_view digits) {
  uint64_t value = 0;
  for (const char digit : digits) value = value << 8 | static_cast<uint8_t>(digit);
  return value;
}

}  // namespace bpa

#endif  // BPA_PROTO_BIG_ENDIAN_H_
