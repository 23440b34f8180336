// The X.509 that the executor makes and checks, all of it with OpenSSL's libcrypto alone.
#ifndef BPA_AGENT_EXECUTOR_NODE_CERTIFICATE_H_
#define BPA_AGENT_EXECUTOR_NODE_CERTIFICATE_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "proto/keys.h"
#include "proto/x509.h"

namespace bpa::executor {

// PKCS #10 in DER, named after the node.
absl::StatusOr<std::string> MakeCertificateRequest(const PrivateKey& key, const std::string& node);

// PEM. Certifies nothing but that whoever serves it has the key; valid for ever, because a first
// boot's clock may say anything.
absl::StatusOr<std::string> MakeBootstrapCertificate(const PrivateKey& key,
                                                     const std::string& node);

struct CertificateCheck {
  std::string cluster;
  std::string node;
  // The authority's certificates, PEM.
  std::string ca;
  // Whose certificate it has to be: DER SubjectPublicKeyInfo.
  std::string public_key;
  absl::Time now;
};

// Whether `pem` is one certificate by the authority, for TLS servers, of
// bpa://<cluster>/node/<node> and nothing else, for this key, and valid now. InvalidArgument says
// what it is instead. Call it only for bytes that a proof or a signature covers.
absl::StatusOr<Validity> CheckNodeCertificate(std::string_view pem, const CertificateCheck& check);

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_NODE_CERTIFICATE_H_
