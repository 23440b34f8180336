#include "proto/x509.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <ctime>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace bpa {
namespace {

template <auto function>
struct Deleter {
  template <typename T>
  void operator()(T* object) const {
    function(object);
  }
};
using Bio = std::unique_ptr<BIO, Deleter<BIO_free>>;
using Store = std::unique_ptr<X509_STORE, Deleter<X509_STORE_free>>;
using StoreContext = std::unique_ptr<X509_STORE_CTX, Deleter<X509_STORE_CTX_free>>;
using Names = std::unique_ptr<GENERAL_NAMES, Deleter<GENERAL_NAMES_free>>;
// The stack alone: its certificates belong to others.
struct StackDeleter {
  void operator()(STACK_OF(X509) * stack) const { sk_X509_free(stack); }
};
using Stack = std::unique_ptr<STACK_OF(X509), StackDeleter>;

}  // namespace

absl::StatusOr<std::vector<X509Pointer>> ParseCertificates(std::string_view pem) {
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  if (bio == nullptr) return absl::ResourceExhaustedError("out of memory");
  std::vector<X509Pointer> certificates;
  while (X509* next = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)) {
    certificates.emplace_back(next);
  }
  // "No start line" is how a PEM text ends; anything else is damage.
  const bool damaged = ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE;
  ERR_clear_error();
  if (certificates.empty() || damaged) {
    return absl::InvalidArgumentError(certificates.empty() ? "no PEM certificate in it"
                                                           : "a damaged PEM certificate");
  }
  return certificates;
}

absl::StatusOr<X509Pointer> ParseOneCertificate(std::string_view pem) {
  constexpr std::string_view kBegin = "-----BEGIN CERTIFICATE-----";
  constexpr std::string_view kEnd = "-----END CERTIFICATE-----";
  const absl::string_view block =
      absl::StripAsciiWhitespace(absl::string_view(pem.data(), pem.size()));
  if (!absl::StartsWith(block, absl::string_view(kBegin.data(), kBegin.size())) ||
      !absl::EndsWith(block, absl::string_view(kEnd.data(), kEnd.size()))) {
    return absl::InvalidArgumentError("expected one certificate in PEM and nothing else");
  }
  absl::StatusOr<std::vector<X509Pointer>> certificates = ParseCertificates(pem);
  if (!certificates.ok()) return certificates.status();
  if (certificates->size() != 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("expected one certificate in PEM, found ", certificates->size()));
  }
  return std::move(certificates->front());
}

std::string PublicKeyDer(const X509& certificate) {
  unsigned char* der = nullptr;
  const int length = i2d_PUBKEY(X509_get0_pubkey(&certificate), &der);
  const auto free_der = absl::MakeCleanup([&der] { OPENSSL_free(der); });
  if (length <= 0) {
    ERR_clear_error();
    return "";
  }
  return std::string(reinterpret_cast<const char*>(der), static_cast<size_t>(length));
}

std::vector<std::string> UriNames(const X509& certificate) {
  std::vector<std::string> uris;
  const Names names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(&certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; names != nullptr && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_URI) continue;
    const ASN1_IA5STRING* uri = name->d.uniformResourceIdentifier;
    uris.emplace_back(reinterpret_cast<const char*>(ASN1_STRING_get0_data(uri)),
                      static_cast<size_t>(ASN1_STRING_length(uri)));
  }
  return uris;
}

bool IsForClients(X509& certificate) {
  // OpenSSL answers "all uses" for a certificate without the extension.
  return (X509_get_extension_flags(&certificate) & EXFLAG_XKUSAGE) != 0 &&
         (X509_get_extended_key_usage(&certificate) & XKU_SSL_CLIENT) != 0;
}

absl::StatusOr<Validity> ValidityOf(const X509& certificate) {
  std::tm from{};
  std::tm until{};
  if (ASN1_TIME_to_tm(X509_get0_notBefore(&certificate), &from) != 1 ||
      ASN1_TIME_to_tm(X509_get0_notAfter(&certificate), &until) != 1) {
    return absl::InvalidArgumentError("the certificate's validity is not two times");
  }
  return Validity{.from = absl::FromTM(from, absl::UTCTimeZone()),
                  .until = absl::FromTM(until, absl::UTCTimeZone())};
}

absl::Status VerifyServerCertificate(X509& leaf, const std::vector<X509Pointer>& intermediates,
                                     const std::vector<X509Pointer>& authorities) {
  const Store store(X509_STORE_new());
  const StoreContext context(X509_STORE_CTX_new());
  const Stack chain(sk_X509_new_null());
  if (store == nullptr || context == nullptr || chain == nullptr) {
    return absl::ResourceExhaustedError("out of memory");
  }
  for (const X509Pointer& authority : authorities) {
    X509_STORE_add_cert(store.get(), authority.get());
  }
  for (const X509Pointer& certificate : intermediates) {
    sk_X509_push(chain.get(), certificate.get());
  }
  if (X509_STORE_CTX_init(context.get(), store.get(), &leaf, chain.get()) != 1 ||
      X509_STORE_CTX_set_default(context.get(), "ssl_server") != 1) {
    return absl::InternalError("OpenSSL cannot set up a verification");
  }
  X509_STORE_CTX_set_flags(context.get(), X509_V_FLAG_NO_CHECK_TIME);
  if (X509_verify_cert(context.get()) == 1) return absl::OkStatus();
  return absl::FailedPreconditionError(
      X509_verify_cert_error_string(X509_STORE_CTX_get_error(context.get())));
}

}  // namespace bpa
