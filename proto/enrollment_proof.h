// By what a node and its controller prove to each other that they know the node's join secret;
// byte by byte in PROTOCOL.md.
#ifndef BPA_PROTO_ENROLLMENT_PROOF_H_
#define BPA_PROTO_ENROLLMENT_PROOF_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "proto/nonce.h"

namespace bpa {

inline constexpr size_t kJoinSecretBytes = 32;
// The largest file that may hold one.
inline constexpr size_t kMaxJoinSecretFileBytes = 256;

// What a proof is about, as offered by a node.
struct EnrollmentFacts {
  std::string cluster;
  std::string node;
  std::string controller_nonce;
  std::string node_nonce;
  std::string certificate_request;
  std::string report_public_key;
  uint64_t now_unix_millis = 0;
};

// A secret is kept as one line of 64 lower-case hexadecimal digits. InvalidArgument otherwise; the
// message holds nothing of the text.
absl::StatusOr<std::string> ParseJoinSecret(std::string_view text);
std::string FormatJoinSecret(std::string_view secret);

// `bytes` random bytes from OpenSSL's generator: secrets and nonces. Dies when that has none.
std::string RandomBytes(size_t bytes);

// kProofBytes each.
std::string NodeProof(std::string_view secret, const EnrollmentFacts& facts);
std::string ControllerProof(std::string_view secret, const EnrollmentFacts& facts,
                            std::string_view certificate_pem);

// In a time that does not depend on where they differ.
bool SameProof(std::string_view expected, std::string_view given);

}  // namespace bpa

#endif  // BPA_PROTO_ENROLLMENT_PROOF_H_
