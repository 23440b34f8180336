#include "proto/keys.h"

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace bpa {
namespace {

constexpr size_t kMaxPemBytes = 8 * 1024;
constexpr size_t kEd25519SignatureBytes = 64;
constexpr size_t kMaxEcdsaP256SignatureBytes = 72;

// A SubjectPublicKeyInfo of either kind is a constant followed by the point. Only this one encoding
// of a key is accepted, so that equal keys have equal bytes: another encoding of a key that signed
// already (a compressed point, explicit parameters) must not count as a second signer.
constexpr std::string_view kEd25519Prefix("\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00", 12);
constexpr std::string_view kP256Prefix(
    "\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07"
    "\x03\x42\x00\x04",
    27);
constexpr size_t kEd25519RawBytes = 32;
constexpr size_t kEd25519DerBytes = 12 + kEd25519RawBytes;
// RFC 8410: a PrivateKeyInfo of version 0 without attributes, as OpenSSL writes it.
constexpr std::string_view kEd25519PrivatePrefix(
    "\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20", 16);
constexpr size_t kP256DerBytes = 27 + 64;

constexpr char kWanted[] = "Ed25519 and ECDSA P-256 keys are accepted";

struct BioDeleter {
  void operator()(BIO* bio) const { BIO_free_all(bio); }
};
using Bio = std::unique_ptr<BIO, BioDeleter>;

struct ContextDeleter {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_MD_CTX, ContextDeleter>;

const unsigned char* Bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

// The reason that OpenSSL left behind; its queue is empty afterwards.
std::string OpensslReason() {
  const unsigned long code = ERR_peek_last_error();
  const char* const reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  ERR_clear_error();
  return reason == nullptr ? "unknown reason" : reason;
}

absl::Status OpensslFailure(const char* what) {
  return absl::InternalError(absl::StrCat(what, ": ", OpensslReason()));
}

std::string Drain(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return std::string(data, static_cast<size_t>(size));
}

// What a person probably meant when `text` has no block labelled `label`.
std::string LabelAdvice(std::string_view text, const std::string& label) {
  if (text.find(label) != std::string_view::npos) return "";
  if (text.find("-----BEGIN ENCRYPTED PRIVATE KEY-----") != std::string_view::npos) {
    return "; it is encrypted: openssl pkcs8 -in FILE -out FILE removes the passphrase";
  }
  if (text.find("-----BEGIN EC PRIVATE KEY-----") != std::string_view::npos) {
    return "; it is in the traditional form: openssl pkcs8 -topk8 -nocrypt -in FILE converts it";
  }
  if (text.find("-----BEGIN PRIVATE KEY-----") != std::string_view::npos) {
    return "; it is a private key: openssl pkey -pubout -in FILE prints its public half";
  }
  if (text.find("-----BEGIN PUBLIC KEY-----") != std::string_view::npos) {
    return "; it is a public key: the private one is wanted here";
  }
  if (text.find("-----BEGIN CERTIFICATE-----") != std::string_view::npos) {
    return "; it is a certificate: openssl x509 -pubkey -noout -in FILE prints its key";
  }
  return "";
}

// The bytes of the only PEM block in `pem`, which must have this label.
absl::StatusOr<std::string> DecodePem(std::string_view pem, const std::string& label) {
  if (pem.size() > kMaxPemBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("longer than a key can be (", kMaxPemBytes, " bytes)"));
  }
  const std::string text(pem);
  const std::string block(absl::StripAsciiWhitespace(text));
  const std::string begin = absl::StrCat("-----BEGIN ", label, "-----");
  const std::string end = absl::StrCat("-----END ", label, "-----");
  if (!block.starts_with(begin) || !block.ends_with(end) ||
      block.find("-----BEGIN", begin.size()) != std::string::npos) {
    return absl::InvalidArgumentError(absl::StrCat("expected one PEM block '", label,
                                                   "' and nothing else",
                                                   LabelAdvice(pem, "BEGIN " + label)));
  }
  const std::string line = absl::StrCat(block, "\n");
  const Bio bio(BIO_new_mem_buf(line.data(), static_cast<int>(line.size())));
  char* name = nullptr;
  char* header = nullptr;
  unsigned char* data = nullptr;
  long size = 0;
  if (PEM_read_bio(bio.get(), &name, &header, &data, &size) != 1) {
    return absl::InvalidArgumentError(absl::StrCat("not a PEM block: ", OpensslReason()));
  }
  const auto free_parts = absl::MakeCleanup([&] {
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_clear_free(data, static_cast<size_t>(size));
  });
  if (header[0] != '\0' || BIO_pending(bio.get()) != 0) {
    return absl::InvalidArgumentError("expected a PEM block without headers and nothing after it");
  }
  return std::string(reinterpret_cast<const char*>(data), static_cast<size_t>(size));
}

bool IsEd25519(std::string_view der) {
  return der.size() == kEd25519DerBytes && der.starts_with(kEd25519Prefix);
}

bool IsP256(std::string_view der) {
  return der.size() == kP256DerBytes && der.starts_with(kP256Prefix);
}

// Ed25519 keys are taken out by hand: OpenSSL's general decoders cost a process milliseconds to set
// up, which is most of what starting the executor takes.
EvpPkey DecodePublic(std::string_view der) {
  if (IsEd25519(der)) {
    return EvpPkey(EVP_PKEY_new_raw_public_key(
        EVP_PKEY_ED25519, nullptr, Bytes(der) + kEd25519Prefix.size(), kEd25519RawBytes));
  }
  const unsigned char* next = Bytes(der);
  return EvpPkey(d2i_PUBKEY(nullptr, &next, static_cast<long>(der.size())));
}

EvpPkey DecodePrivate(std::string_view der) {
  if (der.size() == kEd25519PrivatePrefix.size() + kEd25519RawBytes &&
      der.starts_with(kEd25519PrivatePrefix)) {
    return EvpPkey(EVP_PKEY_new_raw_private_key(
        EVP_PKEY_ED25519, nullptr, Bytes(der) + kEd25519PrivatePrefix.size(), kEd25519RawBytes));
  }
  const unsigned char* next = Bytes(der);
  PKCS8_PRIV_KEY_INFO* const info =
      d2i_PKCS8_PRIV_KEY_INFO(nullptr, &next, static_cast<long>(der.size()));
  const auto free_info = absl::MakeCleanup([info] { PKCS8_PRIV_KEY_INFO_free(info); });
  if (info == nullptr || next != Bytes(der) + der.size()) return nullptr;
  return EvpPkey(EVP_PKCS82PKEY(info));
}

// The SubjectPublicKeyInfo of the key's public half; empty if it cannot be had.
std::string PublicDer(EVP_PKEY* key) {
  unsigned char raw[kEd25519RawBytes];
  size_t size = sizeof raw;
  if (EVP_PKEY_get_id(key) == EVP_PKEY_ED25519 &&
      EVP_PKEY_get_raw_public_key(key, raw, &size) == 1) {
    return absl::StrCat(absl::string_view(kEd25519Prefix.data(), kEd25519Prefix.size()),
                        absl::string_view(reinterpret_cast<const char*>(raw), size));
  }
  unsigned char* data = nullptr;
  const int length = i2d_PUBKEY(key, &data);
  if (length <= 0) return "";
  const auto free_data = absl::MakeCleanup([data] { OPENSSL_free(data); });
  return std::string(reinterpret_cast<const char*>(data), static_cast<size_t>(length));
}

// Ed25519 hashes by itself.
const EVP_MD* DigestFor(std::string_view der) { return IsEd25519(der) ? nullptr : EVP_sha256(); }

// Another encoding of a P-256 point would not pass PublicKey::FromPem.
void UseUncompressedPoints(EVP_PKEY* key) {
  if (EVP_PKEY_is_a(key, "EC") == 1) {
    EVP_PKEY_set_utf8_string_param(key, "point-format", "uncompressed");
    ERR_clear_error();
  }
}

}  // namespace

void EvpPkeyDeleter::operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }

PublicKey::PublicKey(EvpPkey key, std::string der, std::string id)
    : key_(std::move(key)), der_(std::move(der)), id_(std::move(id)) {}

absl::StatusOr<PublicKey> PublicKey::FromPem(std::string_view pem) {
  absl::StatusOr<std::string> der = DecodePem(pem, "PUBLIC KEY");
  return der.ok() ? FromDer(*std::move(der)) : der.status();
}

absl::StatusOr<PublicKey> PublicKey::FromDer(std::string der) {
  EvpPkey key = DecodePublic(der);
  if (key == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat("not a public key: ", OpensslReason()));
  }
  if (!IsEd25519(der) && !IsP256(der)) {
    const char* const type = EVP_PKEY_get0_type_name(key.get());
    return absl::InvalidArgumentError(
        absl::StrCat("a key of type ", type == nullptr ? "unknown" : type,
                     ", or encoded with other parameters or a compressed point; ", kWanted));
  }
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(Bytes(der), der.size(), digest);
  std::string id = absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(digest), SHA256_DIGEST_LENGTH / 2));
  return PublicKey(std::move(key), std::move(der), std::move(id));
}

std::string PublicKey::ToPem() const {
  const Bio bio(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_PUBKEY(bio.get(), key_.get()) != 1) {
    ERR_clear_error();
    return "";  // a key that was decoded can be encoded, but for memory
  }
  return Drain(bio.get());
}

absl::Status PublicKey::Verify(std::string_view message, std::string_view signature) const {
  const bool fits = IsEd25519(der_) ? signature.size() == kEd25519SignatureBytes
                                    : signature.size() <= kMaxEcdsaP256SignatureBytes;
  if (!fits) return absl::UnauthenticatedError("the signature is not as long as this key's are");
  const Context context(EVP_MD_CTX_new());
  if (context == nullptr ||
      EVP_DigestVerifyInit(context.get(), nullptr, DigestFor(der_), nullptr, key_.get()) != 1) {
    return OpensslFailure("prepare to verify a signature");
  }
  // OpenSSL decodes ECDSA signatures strictly: it refuses BER and trailing bytes.
  if (EVP_DigestVerify(context.get(), Bytes(signature), signature.size(), Bytes(message),
                       message.size()) != 1) {
    ERR_clear_error();
    return absl::UnauthenticatedError("the signature is not this key's over these bytes");
  }
  return absl::OkStatus();
}

PrivateKey::PrivateKey(EvpPkey key, PublicKey public_key)
    : key_(std::move(key)), public_key_(std::move(public_key)) {}

absl::StatusOr<PrivateKey> PrivateKey::FromPem(std::string_view pem) {
  absl::StatusOr<std::string> der = DecodePem(pem, "PRIVATE KEY");
  if (!der.ok()) return der.status();
  const auto wipe = absl::MakeCleanup([&der] { OPENSSL_cleanse(der->data(), der->size()); });
  EvpPkey key = DecodePrivate(*der);
  if (key == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat("not a private key: ", OpensslReason()));
  }
  UseUncompressedPoints(key.get());
  absl::StatusOr<PublicKey> public_key = PublicKey::FromDer(PublicDer(key.get()));
  if (!public_key.ok()) return public_key.status();
  return PrivateKey(std::move(key), *std::move(public_key));
}

namespace {

absl::StatusOr<std::pair<EvpPkey, PublicKey>> WithPublicHalf(EVP_PKEY* generated) {
  EvpPkey key(generated);
  if (key == nullptr) return OpensslFailure("generate a key");
  absl::StatusOr<PublicKey> public_key = PublicKey::FromDer(PublicDer(key.get()));
  if (!public_key.ok()) return public_key.status();
  return std::make_pair(std::move(key), *std::move(public_key));
}

}  // namespace

absl::StatusOr<PrivateKey> PrivateKey::GenerateEd25519() {
  auto halves = WithPublicHalf(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  if (!halves.ok()) return halves.status();
  return PrivateKey(std::move(halves->first), std::move(halves->second));
}

absl::StatusOr<PrivateKey> PrivateKey::GenerateEcdsaP256() {
  auto halves = WithPublicHalf(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
  if (!halves.ok()) return halves.status();
  return PrivateKey(std::move(halves->first), std::move(halves->second));
}

std::string PrivateKey::ToPem() const {
  const Bio bio(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_PKCS8PrivateKey(bio.get(), key_.get(), nullptr, nullptr, 0, nullptr, nullptr) !=
      1) {
    ERR_clear_error();
    return "";
  }
  return Drain(bio.get());
}

absl::StatusOr<std::string> PrivateKey::Sign(std::string_view message) const {
  const Context context(EVP_MD_CTX_new());
  if (context == nullptr || EVP_DigestSignInit(context.get(), nullptr, DigestFor(public_key_.der()),
                                               nullptr, key_.get()) != 1) {
    return OpensslFailure("prepare to sign");
  }
  std::string signature(kMaxEcdsaP256SignatureBytes, '\0');
  size_t size = signature.size();
  if (EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                     Bytes(message), message.size()) != 1) {
    return OpensslFailure("sign");
  }
  signature.resize(size);
  return signature;
}

}  // namespace bpa
