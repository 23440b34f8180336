// How long nonces, and what is proven over them, are.
#ifndef BPA_PROTO_NONCE_H_
#define BPA_PROTO_NONCE_H_

#include <cstddef>

namespace bpa {

inline constexpr size_t kNonceBytes = 32;
// HMAC-SHA256.
inline constexpr size_t kProofBytes = 32;

}  // namespace bpa

#endif  // BPA_PROTO_NONCE_H_
