// The few things the gateway wants to know of certificates.
#ifndef BPA_AGENT_GATEWAY_X509_H_
#define BPA_AGENT_GATEWAY_X509_H_

#include <openssl/x509.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace bpa::gateway {

struct X509Deleter {
  void operator()(X509* certificate) const { X509_free(certificate); }
};
using X509Pointer = std::unique_ptr<X509, X509Deleter>;

// All certificates of a PEM text, at least one. InvalidArgument otherwise.
absl::StatusOr<std::vector<X509Pointer>> ParseCertificates(std::string_view pem);

// The URIs among the subject's alternative names, as they stand.
std::vector<std::string> UriNames(const X509& certificate);

// Whether the extended key usage is there and names TLS clients.
bool IsForClients(X509& certificate);

absl::StatusOr<absl::Time> ExpiryOf(const X509& certificate);

// FailedPrecondition with OpenSSL's reason unless `leaf` chains to one of `authorities` through
// `intermediates`, is valid now and is for TLS servers.
absl::Status VerifyServerCertificate(X509& leaf, const std::vector<X509Pointer>& intermediates,
                                     const std::vector<X509Pointer>& authorities);

}  // namespace bpa::gateway

#endif  // BPA_AGENT_GATEWAY_X509_H_
