#include "agent/gateway/tls.h"

#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_credentials_options.h>
#include <openssl/bio.h>
#include <openssl/conf.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <algorithm>
#include <cstddef>
#include <ctime>

#include "absl/strings/str_cat.h"
#include "proto/trusted_file.h"

namespace bpa::gateway {
namespace {

constexpr size_t kMaxPemBytes = 64 * 1024;

constexpr char kTls13Only[] = R"(
openssl_conf = gateway
[gateway]
ssl_conf = contexts
[contexts]
system_default = tls13
[tls13]
Protocol = -ALL, TLSv1.3
)";

template <auto Free>
struct Deleter {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
using BioPtr = std::unique_ptr<BIO, Deleter<BIO_free_all>>;
using ConfPtr = std::unique_ptr<CONF, Deleter<NCONF_free>>;
using X509Ptr = std::unique_ptr<X509, Deleter<X509_free>>;
using PkeyPtr = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;

std::string LastOpenSslError() {
  char text[256];
  ERR_error_string_n(ERR_get_error(), text, sizeof text);
  ERR_clear_error();
  return text;
}

BioPtr MemoryBio(const std::string& text) {
  return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// PEM without a passphrase: asking for one on a daemon's standard input would hang it.
int NoPassphrase(char*, int, int, void*) { return 0; }

absl::StatusOr<X509Ptr> ReadCertificate(const std::string& path) {
  const auto pem = ReadTrustedFile(path, kMaxPemBytes, FileSecrecy::kPublic);
  if (!pem.ok()) return pem.status();
  X509Ptr certificate(PEM_read_bio_X509(MemoryBio(*pem).get(), nullptr, NoPassphrase, nullptr));
  if (certificate == nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, ": not a PEM certificate: ", LastOpenSslError()));
  }
  return certificate;
}

absl::StatusOr<PkeyPtr> ReadKey(const std::string& path) {
  const auto pem = ReadTrustedFile(path, kMaxPemBytes, FileSecrecy::kSecret);
  if (!pem.ok()) return pem.status();
  PkeyPtr key(PEM_read_bio_PrivateKey(MemoryBio(*pem).get(), nullptr, NoPassphrase, nullptr));
  if (key == nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, ": not an unencrypted PEM private key: ", LastOpenSslError()));
  }
  return key;
}

// gRPC only logs what is wrong with these files, at the first handshake; an administrator wants to
// know at the start.
absl::Status CheckFiles(const Config& config) {
  const auto ca = ReadCertificate(config.ca);
  if (!ca.ok()) return ca.status();
  const auto certificate = ReadCertificate(config.certificate);
  if (!certificate.ok()) return certificate.status();
  const auto key = ReadKey(config.key);
  if (!key.ok()) return key.status();
  if (X509_check_private_key(certificate->get(), key->get()) != 1) {
    ERR_clear_error();
    return absl::FailedPreconditionError(
        absl::StrCat(config.key, " is not the key of ", config.certificate,
                     ": copy both from the same bundle that `bpactl init` made"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status RequireTls13() {
  // The system's own configuration first, so that ours comes last.
  OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG, nullptr);
  const ConfPtr conf(NCONF_new(nullptr));
  const BioPtr text(BIO_new_mem_buf(kTls13Only, -1));
  long line = 0;  // NOLINT(google-runtime-int): OpenSSL's signature
  if (NCONF_load_bio(conf.get(), text.get(), &line) != 1 ||
      CONF_modules_load(conf.get(), nullptr, 0) != 1) {
    return absl::InternalError(
        absl::StrCat("OpenSSL does not take 'TLS 1.3 only': ", LastOpenSslError()));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MakeServerCredentials(
    const Config& config, absl::Duration refresh) {
  if (absl::Status s = CheckFiles(config); !s.ok()) return s;
  const auto seconds = std::max<int64_t>(absl::ToInt64Seconds(refresh), 1);
  grpc::experimental::TlsServerCredentialsOptions options(
      std::make_shared<grpc::experimental::FileWatcherCertificateProvider>(
          config.key, config.certificate, config.ca, static_cast<unsigned>(seconds)));
  options.watch_root_certs();
  options.watch_identity_key_cert_pairs();
  options.set_cert_request_type(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  std::shared_ptr<grpc::ServerCredentials> credentials =
      grpc::experimental::TlsServerCredentials(options);
  if (credentials == nullptr) return absl::InternalError("gRPC refused the TLS options");
  return credentials;
}

absl::StatusOr<absl::Time> CertificateExpiry(const std::string& path) {
  const auto certificate = ReadCertificate(path);
  if (!certificate.ok()) return certificate.status();
  std::tm end{};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate->get()), &end) != 1) {
    return absl::FailedPreconditionError(absl::StrCat(path, ": its end of validity is malformed"));
  }
  return absl::FromTM(end, absl::UTCTimeZone());
}

}  // namespace bpa::gateway
