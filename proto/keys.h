// Signing keys: Ed25519 and ECDSA P-256, nothing else.
#ifndef BPA_PROTO_KEYS_H_
#define BPA_PROTO_KEYS_H_

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

typedef struct evp_pkey_st EVP_PKEY;

namespace bpa {

struct EvpPkeyDeleter {
  void operator()(EVP_PKEY* key) const;
};
using EvpPkey = std::unique_ptr<EVP_PKEY, EvpPkeyDeleter>;

// Movable, immutable, safe to use from several threads.
class PublicKey {
 public:
  // `pem`: one SubjectPublicKeyInfo block and nothing after it but white space. InvalidArgument for
  // other key types, other curves, private keys and trailing data.
  static absl::StatusOr<PublicKey> FromPem(std::string_view pem);
  // The same from the block's bytes.
  static absl::StatusOr<PublicKey> FromDer(std::string der);

  // Lower-case hex of the first 16 bytes of SHA-256 over the DER SubjectPublicKeyInfo.
  const std::string& id() const { return id_; }
  // The DER SubjectPublicKeyInfo: what tells keys apart when unique keys are counted.
  const std::string& der() const { return der_; }
  std::string ToPem() const;

  // Unauthenticated if `signature` is not this key's over `message`.
  absl::Status Verify(std::string_view message, std::string_view signature) const;

 private:
  friend class PrivateKey;
  PublicKey(EvpPkey key, std::string der, std::string id);

  EvpPkey key_;
  std::string der_;
  std::string id_;
};

class PrivateKey {
 public:
  // `pem`: one unencrypted PKCS#8 block. Errors as PublicKey::FromPem.
  static absl::StatusOr<PrivateKey> FromPem(std::string_view pem);
  static absl::StatusOr<PrivateKey> GenerateEd25519();
  static absl::StatusOr<PrivateKey> GenerateEcdsaP256();

  std::string ToPem() const;
  const PublicKey& public_key() const { return public_key_; }
  // For what is signed in X.509's own ways. Stays this object's.
  EVP_PKEY* openssl_key() const { return key_.get(); }
  absl::StatusOr<std::string> Sign(std::string_view message) const;

 private:
  PrivateKey(EvpPkey key, PublicKey public_key);

  EvpPkey key_;
  PublicKey public_key_;
};

}  // namespace bpa

#endif  // BPA_PROTO_KEYS_H_
