// SHA-256 of what is in memory, of what comes in pieces, and of a file.
#ifndef BPA_PROTO_SHA256_H_
#define BPA_PROTO_SHA256_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"

struct evp_md_ctx_st;

namespace bpa {

using Sha256 = std::array<uint8_t, 32>;

// For one thread; used again after Finish. Dies when OpenSSL has no SHA-256 or no memory.
class Sha256Hasher {
 public:
  Sha256Hasher();
  ~Sha256Hasher();
  Sha256Hasher(const Sha256Hasher&) = delete;
  Sha256Hasher& operator=(const Sha256Hasher&) = delete;

  void Update(std::string_view bytes);
  // The digest of everything since construction or the last Finish.
  Sha256 Finish();
  Sha256 Of(std::string_view bytes);

 private:
  evp_md_ctx_st* context_;
};

Sha256 DigestOf(std::string_view bytes);
// All bytes of the file, from its beginning; its offset is neither used nor moved.
absl::StatusOr<Sha256> DigestOfFile(int fd);

}  // namespace bpa

#endif  // BPA_PROTO_SHA256_H_
