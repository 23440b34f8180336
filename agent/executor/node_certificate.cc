#include "agent/executor/node_certificate.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <memory>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace bpa::executor {
namespace {

// RFC 5280's upper bound. Nothing is decided by common names.
constexpr size_t kMaxCommonNameBytes = 64;

struct RequestDeleter {
  void operator()(X509_REQ* request) const { X509_REQ_free(request); }
};
struct BioDeleter {
  void operator()(BIO* bio) const { BIO_free_all(bio); }
};

absl::Status OpensslFailure(const char* what) {
  const char* reason = ERR_reason_error_string(ERR_peek_last_error());
  ERR_clear_error();
  return absl::InternalError(
      absl::StrCat(what, ": ", reason == nullptr ? "unknown reason" : reason));
}

// Ed25519 hashes by itself.
const EVP_MD* DigestFor(EVP_PKEY* key) {
  return EVP_PKEY_is_a(key, "ED25519") == 1 ? nullptr : EVP_sha256();
}

bool SetName(X509_NAME* name, const std::string& node) {
  const std::string text = node.substr(0, kMaxCommonNameBytes);
  return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                    reinterpret_cast<const unsigned char*>(text.data()),
                                    static_cast<int>(text.size()), -1, 0) == 1;
}

absl::Status Mismatch(const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat("the certificate ", what));
}

}  // namespace

absl::StatusOr<std::string> MakeCertificateRequest(const PrivateKey& key, const std::string& node) {
  const std::unique_ptr<X509_REQ, RequestDeleter> request(X509_REQ_new());
  EVP_PKEY* const openssl_key = key.openssl_key();
  if (request == nullptr || X509_REQ_set_version(request.get(), X509_REQ_VERSION_1) != 1 ||
      !SetName(X509_REQ_get_subject_name(request.get()), node) ||
      X509_REQ_set_pubkey(request.get(), openssl_key) != 1 ||
      X509_REQ_sign(request.get(), openssl_key, DigestFor(openssl_key)) == 0) {
    return OpensslFailure("make a certificate request");
  }
  unsigned char* der = nullptr;
  const int length = i2d_X509_REQ(request.get(), &der);
  const auto free_der = absl::MakeCleanup([&der] { OPENSSL_free(der); });
  if (length <= 0) return OpensslFailure("encode a certificate request");
  return std::string(reinterpret_cast<const char*>(der), static_cast<size_t>(length));
}

absl::StatusOr<std::string> MakeBootstrapCertificate(const PrivateKey& key,
                                                     const std::string& node) {
  const X509Pointer certificate(X509_new());
  EVP_PKEY* const openssl_key = key.openssl_key();
  X509* const made = certificate.get();
  if (made == nullptr || X509_set_version(made, X509_VERSION_3) != 1 ||
      ASN1_INTEGER_set(X509_get_serialNumber(made), 1) != 1 ||
      ASN1_TIME_set_string(X509_getm_notBefore(made), "19700101000000Z") != 1 ||
      // RFC 5280: no well-defined end.
      ASN1_TIME_set_string(X509_getm_notAfter(made), "99991231235959Z") != 1 ||
      !SetName(X509_get_subject_name(made), node) ||
      X509_set_issuer_name(made, X509_get_subject_name(made)) != 1 ||
      X509_set_pubkey(made, openssl_key) != 1 ||
      X509_sign(made, openssl_key, DigestFor(openssl_key)) == 0) {
    return OpensslFailure("make a bootstrap certificate");
  }
  const std::unique_ptr<BIO, BioDeleter> bio(BIO_new(BIO_s_mem()));
  if (bio == nullptr || PEM_write_bio_X509(bio.get(), made) != 1) {
    return OpensslFailure("encode a bootstrap certificate");
  }
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return std::string(data, static_cast<size_t>(size));
}

absl::StatusOr<Validity> CheckNodeCertificate(std::string_view pem, const CertificateCheck& check) {
  const absl::StatusOr<X509Pointer> certificate = ParseOneCertificate(pem);
  if (!certificate.ok()) return certificate.status();
  X509& leaf = **certificate;
  if (PublicKeyDer(leaf) != check.public_key) {
    return Mismatch("is for another key than this node's");
  }
  const std::string uri = absl::StrCat("bpa://", check.cluster, "/node/", check.node);
  if (const std::vector<std::string> uris = UriNames(leaf); uris != std::vector{uri}) {
    return Mismatch(absl::StrCat("is of '", absl::CHexEscape(absl::StrJoin(uris, ", ")),
                                 "', and this node is ", uri, " (agent.yaml)"));
  }
  const absl::StatusOr<std::vector<X509Pointer>> authorities = ParseCertificates(check.ca);
  if (!authorities.ok()) return authorities.status();
  if (absl::Status s = VerifyServerCertificate(leaf, {}, *authorities); !s.ok()) {
    return Mismatch(absl::StrCat("is not by this node's authority (", s.message(), ")"));
  }
  const absl::StatusOr<Validity> validity = ValidityOf(leaf);
  if (!validity.ok()) return validity.status();
  if (!validity->Contains(check.now)) {
    return Mismatch(absl::StrCat("is valid from ", absl::FormatTime(validity->from), " to ",
                                 absl::FormatTime(validity->until), ", and this node's clock says ",
                                 absl::FormatTime(check.now), ": set the clock"));
  }
  return *validity;
}

}  // namespace bpa::executor
