// Content that is random, but the same every time.
#ifndef BPA_TESTS_RANDOM_BYTES_H_
#define BPA_TESTS_RANDOM_BYTES_H_

#include <cstdint>
#include <random>
#include <string>

namespace bpa::testing {

inline std::string RandomBytes(size_t size, uint32_t seed = 1) {
  std::mt19937_64 random(seed);
  std::string bytes(size + 8, '\0');
  for (size_t at = 0; at < size; at += 8) {
    const uint64_t word = random();
    bytes.replace(at, 8, reinterpret_cast<const char*>(&word), 8);
  }
  bytes.resize(size);
  return bytes;
}

}  // namespace bpa::testing

#endif  // BPA_TESTS_RANDOM_BYTES_H_
