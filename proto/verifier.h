// Who is trusted, and the only way from an envelope to bytes that may be parsed.
#ifndef BPA_PROTO_VERIFIER_H_
#define BPA_PROTO_VERIFIER_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "proto/envelope.h"
#include "proto/keys.h"

namespace bpa {

struct TrustedSigner {
  // File name without `.pem`: what reports and logs call the signer.
  std::string name;
  PublicKey key;
};

// Payload bytes whose signatures were checked. Only Verifier can make one.
class VerifiedPayload {
 public:
  const std::string& bytes() const { return bytes_; }
  // Distinct keys that signed, by signer name, sorted. Never empty.
  const std::vector<std::string>& signers() const { return signers_; }

 private:
  friend class Verifier;
  VerifiedPayload(std::string bytes, std::vector<std::string> signers);

  std::string bytes_;
  std::vector<std::string> signers_;
};

// Immutable after construction; safe to use from several threads.
class Verifier {
 public:
  // Two names with the same key count as one signer. An empty list is allowed and refuses all.
  explicit Verifier(std::vector<TrustedSigner> signers);

  // Reads `<name>.pem` files. Refuses (FailedPrecondition, naming the file) files and directories
  // that others than root (or the caller's own uid) can write, and anything that is not a key.
  static absl::StatusOr<Verifier> FromDirectory(const std::string& path);

  // Whether nobody is trusted, so that everything is refused.
  bool empty() const { return signers_.empty(); }

  // Verifies over PAE(`expected_type`, payload). Unauthenticated when no trusted key signed (saying
  // whether there was no signature, no known key, or a bad signature), InvalidArgument when the
  // envelope is of another type. At least `threshold` (>= 1) distinct keys must have signed, else
  // PermissionDenied with both numbers.
  absl::StatusOr<VerifiedPayload> Verify(const Envelope& envelope, std::string_view expected_type,
                                         int threshold) const;

 private:
  Verifier(std::vector<TrustedSigner> signers, std::string directory);
  // The signer whose key made `signature`; the key id only says whom to try first.
  const TrustedSigner* FindSigner(const EnvelopeSignature& signature,
                                  std::string_view message) const;
  const TrustedSigner* FindHinted(const EnvelopeSignature& signature) const;
  absl::Status ExplainRefusal(const Envelope& envelope) const;

  std::vector<TrustedSigner> signers_;  // sorted by name, keys distinct
  std::string directory_;               // for messages; empty if there is none
};

}  // namespace bpa

#endif  // BPA_PROTO_VERIFIER_H_
