// The few things that gateway, executor and bpactl want to know of certificates.
#ifndef BPA_PROTO_X509_H_
#define BPA_PROTO_X509_H_

#include <openssl/x509.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace bpa {

struct X509Deleter {
  void operator()(X509* certificate) const { X509_free(certificate); }
};
using X509Pointer = std::unique_ptr<X509, X509Deleter>;

// All certificates of a PEM text, at least one. InvalidArgument otherwise.
absl::StatusOr<std::vector<X509Pointer>> ParseCertificates(std::string_view pem);

// One certificate, and nothing before or after it but white space: where a certificate decides
// something, nothing may hide beside it. InvalidArgument otherwise.
absl::StatusOr<X509Pointer> ParseOneCertificate(std::string_view pem);

// The DER SubjectPublicKeyInfo, as PublicKey::der has it; empty when there is none.
std::string PublicKeyDer(const X509& certificate);

// The URIs among the subject's alternative names, as they stand.
std::vector<std::string> UriNames(const X509& certificate);

// Whether the extended key usage is there and names TLS clients.
bool IsForClients(X509& certificate);

struct Validity {
  absl::Time from;
  absl::Time until;

  bool Contains(absl::Time time) const { return from <= time && time <= until; }
};
absl::StatusOr<Validity> ValidityOf(const X509& certificate);

// FailedPrecondition with OpenSSL's reason unless `leaf` chains to one of `authorities` through
// `intermediates` and is for TLS servers. Whether it is valid now is left to the caller: what that
// means depends on who asks.
absl::Status VerifyServerCertificate(X509& leaf, const std::vector<X509Pointer>& intermediates,
                                     const std::vector<X509Pointer>& authorities);

}  // namespace bpa

#endif  // BPA_PROTO_X509_H_
