#include "controller/certificates.h"

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string_view>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "controller/forms.h"

namespace bpa::controller {
namespace {

constexpr absl::Duration kAuthorityLifetime = absl::Hours(24 * 3652);
constexpr absl::Duration kLeafLifetime = absl::Hours(24 * 365);
constexpr absl::Duration kNodeBackdating = absl::Hours(1);
constexpr absl::Duration kOwnBackdating = absl::Hours(24 * 365);
// RFC 5280 allows 20 octets; the top bit stays clear, for the number is positive.
constexpr size_t kSerialBytes = 16;
// RFC 5280's upper bound of a common name. Decisions rest on the other names.
constexpr size_t kMaxCommonNameBytes = 64;
constexpr char kAuthorityPath[] = "/ca";
constexpr char kScheme[] = "bpa://";

template <auto kFree>
struct Deleter {
  template <typename T>
  void operator()(T* pointer) const {
    kFree(pointer);
  }
};
using Bio = std::unique_ptr<BIO, Deleter<BIO_free_all>>;
using CertificateRequest = std::unique_ptr<X509_REQ, Deleter<X509_REQ_free>>;
using Certificate = std::unique_ptr<X509, Deleter<X509_free>>;
using Extension = std::unique_ptr<X509_EXTENSION, Deleter<X509_EXTENSION_free>>;
using Names = std::unique_ptr<GENERAL_NAMES, Deleter<GENERAL_NAMES_free>>;
using Number = std::unique_ptr<BIGNUM, Deleter<BN_free>>;
using Time = std::unique_ptr<ASN1_TIME, Deleter<ASN1_TIME_free>>;

struct AlternativeName {
  int type;  // GEN_DNS, GEN_IPADD, GEN_URI
  std::string value;
};

struct Request {
  std::string common_name;
  std::vector<AlternativeName> names;
  absl::Time from;
  absl::Time until;
  // X509v3 extensions in OpenSSL's notation; constants, never a user's text.
  std::vector<std::pair<int, const char*>> extensions;
};

absl::Status OpensslFailure(const char* what) {
  const unsigned long code = ERR_peek_last_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  ERR_clear_error();
  return absl::InternalError(
      absl::StrCat(what, ": ", reason == nullptr ? "unknown reason" : reason));
}

absl::StatusOr<Certificate> FromPem(const std::string& pem) {
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  Certificate certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  if (certificate == nullptr) {
    ERR_clear_error();
    return absl::InvalidArgumentError("not a certificate in PEM");
  }
  return certificate;
}

absl::StatusOr<std::string> ToPem(X509* certificate) {
  const Bio bio(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_X509(bio.get(), certificate) != 1)
    return OpensslFailure("encode a certificate");
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return std::string(data, static_cast<size_t>(size));
}

EvpPkey PublicHalf(const PublicKey& key) {
  const auto* next = reinterpret_cast<const unsigned char*>(key.der().data());
  return EvpPkey(d2i_PUBKEY(nullptr, &next, static_cast<long>(key.der().size())));
}

EvpPkey PrivateHalf(const PrivateKey& key) {
  std::string pem = key.ToPem();
  const auto wipe = absl::MakeCleanup([&pem] { OPENSSL_cleanse(pem.data(), pem.size()); });
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  return EvpPkey(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
}

bool SetSerial(X509* certificate) {
  std::array<unsigned char, kSerialBytes> bytes;
  if (RAND_bytes(bytes.data(), bytes.size()) != 1) return false;
  bytes[0] = static_cast<unsigned char>((bytes[0] & 0x7f) | 0x40);
  const Number number(BN_bin2bn(bytes.data(), bytes.size(), nullptr));
  return number != nullptr &&
         BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr;
}

bool SetTimes(X509* certificate, absl::Time from, absl::Time until) {
  const Time not_before(ASN1_TIME_set(nullptr, absl::ToTimeT(from)));
  const Time not_after(ASN1_TIME_set(nullptr, absl::ToTimeT(until)));
  return not_before != nullptr && not_after != nullptr &&
         X509_set1_notBefore(certificate, not_before.get()) == 1 &&
         X509_set1_notAfter(certificate, not_after.get()) == 1;
}

bool SetSubject(X509* certificate, const std::string& common_name) {
  const std::string text = common_name.substr(0, kMaxCommonNameBytes);
  return X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                                    reinterpret_cast<const unsigned char*>(text.data()),
                                    static_cast<int>(text.size()), -1, 0) == 1;
}

bool AddNames(X509* certificate, const std::vector<AlternativeName>& names) {
  const Names list(sk_GENERAL_NAME_new_null());
  if (list == nullptr) return false;
  for (const AlternativeName& name : names) {
    // One name at a time: no text of a user's passes through OpenSSL's configuration syntax.
    GENERAL_NAME* entry =
        a2i_GENERAL_NAME(nullptr, nullptr, nullptr, name.type, name.value.c_str(), 0);
    if (entry == nullptr) return false;
    if (sk_GENERAL_NAME_push(list.get(), entry) == 0) {
      GENERAL_NAME_free(entry);
      return false;
    }
  }
  return X509_add1_ext_i2d(certificate, NID_subject_alt_name, list.get(), 0, 0) == 1;
}

bool AddExtensions(X509* issuer, X509* certificate, const Request& request) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  for (const auto& [type, value] : request.extensions) {
    const Extension extension(X509V3_EXT_conf_nid(nullptr, &context, type, value));
    if (extension == nullptr || X509_add_ext(certificate, extension.get(), -1) != 1) return false;
  }
  return AddNames(certificate, request.names);
}

// `issuer` is null for a certificate that signs itself.
absl::StatusOr<std::string> Issue(const Request& request, const PublicKey& key, X509* issuer,
                                  const PrivateKey& issuer_key) {
  const Certificate certificate(X509_new());
  const EvpPkey public_key = PublicHalf(key);
  const EvpPkey signing_key = PrivateHalf(issuer_key);
  if (certificate == nullptr || public_key == nullptr || signing_key == nullptr) {
    return OpensslFailure("prepare a certificate");
  }
  X509* subject = certificate.get();
  X509* parent = issuer == nullptr ? subject : issuer;
  if (X509_set_version(subject, X509_VERSION_3) != 1 || !SetSerial(subject) ||
      !SetTimes(subject, request.from, request.until) ||
      !SetSubject(subject, request.common_name) ||
      X509_set_issuer_name(subject, X509_get_subject_name(parent)) != 1 ||
      X509_set_pubkey(subject, public_key.get()) != 1 || !AddExtensions(parent, subject, request) ||
      X509_sign(subject, signing_key.get(), EVP_sha256()) == 0) {
    return OpensslFailure("make a certificate");
  }
  return ToPem(subject);
}

// Fills in what all leaves have.
absl::StatusOr<std::string> IssueLeaf(const Authority& authority, const PublicKey& key,
                                      const char* usage, Request request) {
  absl::StatusOr<Certificate> issuer = FromPem(authority.certificate_pem);
  if (!issuer.ok()) return issuer.status();
  const EvpPkey authority_key = PrivateHalf(authority.key);
  if (X509_check_private_key(issuer->get(), authority_key.get()) != 1) {
    ERR_clear_error();
    return absl::FailedPreconditionError(
        "the authority's certificate and key do not belong together");
  }
  request.extensions = {{NID_basic_constraints, "critical,CA:FALSE"},
                        {NID_key_usage, "critical,digitalSignature"},
                        {NID_ext_key_usage, usage},
                        {NID_subject_key_identifier, "hash"},
                        {NID_authority_key_identifier, "keyid:always"}};
  return Issue(request, key, issuer->get(), authority.key);
}

bool IsIpAddress(const std::string& host) {
  std::array<unsigned char, sizeof(in6_addr)> address;
  return inet_pton(AF_INET, host.c_str(), address.data()) == 1 ||
         inet_pton(AF_INET6, host.c_str(), address.data()) == 1;
}

}  // namespace

absl::StatusOr<std::string> MakeAuthorityCertificate(const PrivateKey& key,
                                                     const std::string& cluster, absl::Time now) {
  const Request request = {.common_name = absl::StrCat("BPA agents of ", cluster),
                           .names = {{GEN_URI, absl::StrCat(kScheme, cluster, kAuthorityPath)}},
                           .from = now - kOwnBackdating,
                           .until = now + kAuthorityLifetime,
                           .extensions = {{NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
                                          {NID_key_usage, "critical,keyCertSign,cRLSign"},
                                          {NID_subject_key_identifier, "hash"}}};
  return Issue(request, key.public_key(), nullptr, key);
}

namespace {

std::vector<AlternativeName> NodeNames(const std::string& cluster, const std::string& node,
                                       const std::string& host) {
  std::vector<AlternativeName> names = {{GEN_DNS, node},
                                        {GEN_URI, absl::StrCat(kScheme, cluster, "/node/", node)}};
  if (IsIpAddress(host)) {
    names.push_back({GEN_IPADD, host});
  } else if (host != node) {
    names.push_back({GEN_DNS, host});
  }
  return names;
}

}  // namespace

absl::StatusOr<std::string> IssueNodeCertificate(const Authority& authority, const PublicKey& key,
                                                 const std::string& cluster, const Node& node,
                                                 const IssueTimes& times) {
  const absl::Time later = std::max(times.now, times.node_now) + kLeafLifetime;
  return IssueLeaf(authority, key, "serverAuth",
                   {.common_name = node.name,
                    .names = NodeNames(cluster, node.name, AddressHost(node.address)),
                    .from = std::min(times.now, times.node_now) - kNodeBackdating,
                    .until = std::max(later, times.after + absl::Seconds(1)),
                    .extensions = {}});
}

absl::StatusOr<std::string> IssueControllerCertificate(const Authority& authority,
                                                       const PublicKey& key,
                                                       const std::string& cluster,
                                                       const std::string& name, absl::Time now) {
  return IssueLeaf(authority, key, "clientAuth",
                   {.common_name = name,
                    .names = {{GEN_URI, absl::StrCat(kScheme, cluster, "/controller/", name)}},
                    .from = now - kOwnBackdating,
                    .until = now + kLeafLifetime,
                    .extensions = {}});
}

absl::StatusOr<std::string> AuthorityCluster(const std::string& certificate_pem) {
  absl::StatusOr<Certificate> certificate = FromPem(certificate_pem);
  if (!certificate.ok()) return certificate.status();
  const Names names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate->get(), NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; names != nullptr && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_URI) continue;
    const ASN1_IA5STRING* text = name->d.uniformResourceIdentifier;
    std::string_view uri(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                         static_cast<size_t>(ASN1_STRING_length(text)));
    if (!uri.starts_with(kScheme) || !uri.ends_with(kAuthorityPath)) continue;
    uri.remove_prefix(std::string_view(kScheme).size());
    uri.remove_suffix(std::string_view(kAuthorityPath).size());
    return std::string(uri);
  }
  return absl::InvalidArgumentError("not the certificate of an authority that bpactl made");
}

absl::StatusOr<PublicKey> RequestedKey(const std::string& certificate_request) {
  const auto* const begin = reinterpret_cast<const unsigned char*>(certificate_request.data());
  const unsigned char* next = begin;
  const CertificateRequest request(
      d2i_X509_REQ(nullptr, &next, static_cast<long>(certificate_request.size())));
  if (request == nullptr || next != begin + certificate_request.size()) {
    ERR_clear_error();
    return absl::InvalidArgumentError("not a certificate request");
  }
  EVP_PKEY* const key = X509_REQ_get0_pubkey(request.get());
  if (key == nullptr || X509_REQ_verify(request.get(), key) != 1) {
    ERR_clear_error();
    return absl::InvalidArgumentError("a certificate request that its own key did not sign");
  }
  unsigned char* der = nullptr;
  const int length = i2d_PUBKEY(key, &der);
  const auto free_der = absl::MakeCleanup([&der] { OPENSSL_free(der); });
  if (length <= 0) return OpensslFailure("encode a key");
  return PublicKey::FromDer(
      std::string(reinterpret_cast<const char*>(der), static_cast<size_t>(length)));
}

}  // namespace bpa::controller
