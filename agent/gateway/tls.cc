#include "agent/gateway/tls.h"

#include <openssl/conf.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <string_view>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "proto/keys.h"
#include "proto/trusted_file.h"
#include "proto/x509.h"

namespace bpa::gateway {
namespace {

constexpr size_t kMaxPemBytes = size_t{256} * 1024;

constexpr std::string_view kTlsPolicy =
    "openssl_conf = bpa\n"
    "[bpa]\n"
    "ssl_conf = contexts\n"
    "[contexts]\n"
    "system_default = every_context\n"
    "[every_context]\n"
    "MinProtocol = TLSv1.3\n"
    // gRPC sets its own minimum of 1.2 afterwards; it does not switch a protocol on again.
    "Protocol = ALL, -TLSv1.2, -TLSv1.1, -TLSv1, -SSLv3\n"
    "NumTickets = 0\n";

absl::Status At(const std::string& path, const absl::Status& status) {
  return absl::FailedPreconditionError(absl::StrCat(path, ": ", status.message()));
}

absl::Status OpenSslError(std::string_view what) {
  const char* reason = ERR_reason_error_string(ERR_peek_last_error());
  ERR_clear_error();
  return absl::InternalError(
      absl::StrCat(std::string(what), ": ", reason == nullptr ? "unknown reason" : reason));
}

absl::Status CheckNewContext() {
  SSL_CTX* context = SSL_CTX_new(TLS_method());
  if (context == nullptr) return OpenSslError("SSL_CTX_new");
  const auto free_context = absl::MakeCleanup([context] { SSL_CTX_free(context); });
  constexpr uint64_t kOff = SSL_OP_NO_TLSv1_2 | SSL_OP_NO_TLSv1_1 | SSL_OP_NO_TLSv1;
  if ((SSL_CTX_get_options(context) & kOff) != kOff || SSL_CTX_get_num_tickets(context) != 0) {
    return absl::InternalError("this OpenSSL does not let the gateway insist on TLS 1.3");
  }
  return absl::OkStatus();
}

absl::Status CheckKey(const TlsFiles& files, const std::string& pem, const X509& certificate,
                      const std::string& certificate_path) {
  const absl::StatusOr<PrivateKey> key = PrivateKey::FromPem(pem);
  if (!key.ok()) return At(files.key, key.status());
  if (key->public_key().der() == PublicKeyDer(certificate)) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(files.key, ": not the key of the certificate in ", certificate_path));
}

absl::Status CheckNodeCertificate(const TlsFiles& files, const std::string& ca,
                                  const std::vector<X509Pointer>& chain,
                                  const std::string& expected_uri) {
  const auto authorities = ParseCertificates(ca);
  if (!authorities.ok()) return At(files.ca, authorities.status());
  X509& leaf = *chain.front();
  if (UriNames(leaf) != std::vector<std::string>{expected_uri}) {
    return absl::FailedPreconditionError(absl::StrCat(files.certificate,
                                                      ": not the certificate of ", expected_uri,
                                                      ": does agent.yaml name another node?"));
  }
  const absl::Status verified = VerifyServerCertificate(leaf, chain, *authorities);
  if (verified.ok()) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(files.certificate, " under ", files.ca, ": ",
                                                    verified.message(),
                                                    ": have the bastion issue a new one"));
}

// The certificate to serve: path and text.
absl::StatusOr<std::pair<std::string, std::string>> ReadCertificate(const TlsFiles& files) {
  for (const std::string& path : {files.certificate, files.bootstrap}) {
    absl::StatusOr<std::string> pem = ReadTrustedFile(path, kMaxPemBytes, FileSecrecy::kPublic);
    if (pem.ok()) return std::make_pair(path, *std::move(pem));
    if (!absl::IsNotFound(pem.status())) return pem.status();
  }
  return absl::NotFoundError(absl::StrCat(
      files.certificate, " does not exist, and neither does ", files.bootstrap,
      ", by which this node could be enrolled: systemctl start bpa-agent-keys.service makes it"));
}

}  // namespace

absl::Status RequireTls13() {
  // The system's configuration first: what is loaded later counts.
  if (OPENSSL_init_ssl(0, nullptr) != 1) return OpenSslError("OPENSSL_init_ssl");
  BIO* text = BIO_new_mem_buf(kTlsPolicy.data(), static_cast<int>(kTlsPolicy.size()));
  CONF* configuration = NCONF_new(nullptr);
  const auto free_both = absl::MakeCleanup([&] {
    NCONF_free(configuration);
    BIO_free(text);
  });
  if (text == nullptr || configuration == nullptr ||
      NCONF_load_bio(configuration, text, nullptr) != 1 ||
      CONF_modules_load(configuration, nullptr, 0) != 1) {
    return OpenSslError("insisting on TLS 1.3");
  }
  return CheckNewContext();
}

absl::StatusOr<TlsMaterial> LoadTlsMaterial(const TlsFiles& files,
                                            const std::string& expected_uri) {
  absl::StatusOr<std::string> ca = ReadTrustedFile(files.ca, kMaxPemBytes, FileSecrecy::kPublic);
  if (!ca.ok()) return ca.status();
  const auto served = ReadCertificate(files);
  if (!served.ok()) return served.status();
  const auto& [path, pem] = *served;
  absl::StatusOr<std::string> key = ReadTrustedFile(files.key, kMaxPemBytes, FileSecrecy::kSecret);
  if (!key.ok()) return key.status();

  const auto chain = ParseCertificates(pem);
  if (!chain.ok()) return At(path, chain.status());
  X509& leaf = *chain->front();
  if (absl::Status s = CheckKey(files, *key, leaf, path); !s.ok()) return s;
  const bool enrolled = path == files.certificate;
  if (enrolled) {
    absl::Status s = CheckNodeCertificate(files, *ca, *chain, expected_uri);
    if (!s.ok()) return s;
  }
  const absl::StatusOr<Validity> validity = ValidityOf(leaf);
  if (!validity.ok()) return At(path, validity.status());
  return TlsMaterial{.ca = *std::move(ca),
                     .certificate = pem,
                     .key = *std::move(key),
                     .enrolled = enrolled,
                     .validity = *validity};
}

}  // namespace bpa::gateway
