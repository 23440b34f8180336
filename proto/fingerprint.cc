#include "proto/fingerprint.h"

#include <openssl/sha.h>

namespace bpa {
namespace {

void AppendBigEndian(std::string& out, uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<char>(value >> shift));
}

}  // namespace

std::string ChangeFingerprint(uint32_t kind, std::string_view name, std::string_view aspect,
                              std::string_view before, std::string_view after) {
  std::string input;
  AppendBigEndian(input, kind);
  for (const std::string_view field : {name, aspect, before, after}) {
    // The length first: no two different changes may run together into the same bytes.
    AppendBigEndian(input, static_cast<uint32_t>(field.size()));
    input.append(field);
  }
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(input.data()), input.size(),
         reinterpret_cast<unsigned char*>(digest.data()));
  return digest;
}

}  // namespace bpa
