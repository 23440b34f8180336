#include "proto/fingerprint.h"

#include <openssl/sha.h>

#include "proto/big_endian.h"

namespace bpa {

std::string ChangeFingerprint(uint32_t kind, std::string_view name, std::string_view aspect,
                              std::string_view before, std::string_view after) {
  std::string input;
  AppendBigEndian(input, kind, 4);
  for (const std::string_view field : {name, aspect, before, after}) {
    // The length first: no two different changes may run together into the same bytes.
    AppendBigEndian(input, field.size(), 4);
    input.append(field);
  }
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(input.data()), input.size(),
         reinterpret_cast<unsigned char*>(digest.data()));
  return digest;
}

}  // namespace bpa
