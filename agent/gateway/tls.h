// Mutual TLS 1.3 with certificates that are renewed under a running server.
#ifndef BPA_AGENT_GATEWAY_TLS_H_
#define BPA_AGENT_GATEWAY_TLS_H_

#include <grpcpp/security/server_credentials.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "proto/x509.h"

namespace bpa::gateway {

// Makes every TLS context of this process refuse TLS 1.2 and older, and keep no session tickets
// (a resumed session would outlive its certificate). gRPC 1.51 has no public setting for it, but
// OpenSSL applies its `system_default` section to each new SSL_CTX, and gRPC does not take back
// a protocol that is switched off there. Call before the first SSL_CTX; fails if a new context
// would still speak TLS 1.2.
absl::Status RequireTls13();

struct TlsFiles {
  // The authority whose certificates are accepted: PEM, one or more.
  std::string ca;
  // The node's certificate, then any intermediates.
  std::string certificate;
  // Served while there is no `certificate`: of the key alone, by nobody. A controller looks at its
  // key only.
  std::string bootstrap;
  // May be read by nobody but owner and group.
  std::string key;
};

// Files that were read, and fit together.
struct TlsMaterial {
  std::string ca;
  std::string certificate;
  std::string key;
  // False: `certificate` is the bootstrap certificate, because the node has no other yet.
  bool enrolled;
  Validity validity;
};

// FailedPrecondition names the file and what is wrong: permissions, not PEM, key and certificate
// that do not belong together, a certificate that is not the authority's or not `expected_uri`'s.
// NotFound when there is neither certificate. An expired certificate is none of it: a node that
// does not serve could not be given a new one.
absl::StatusOr<TlsMaterial> LoadTlsMaterial(const TlsFiles& files, const std::string& expected_uri);

// Looks at the files before every handshake (four calls of stat, no timer) and loads them anew
// when they have changed. While the new ones do not pass LoadTlsMaterial, or are not valid now, the
// old ones stay in use, and the log says why. Safe to use from several threads.
class TlsReloader {
 public:
  virtual ~TlsReloader() = default;
  // Of the certificate in use.
  virtual absl::Time expires() const = 0;
  // Whether it is the node's own, by its authority.
  virtual bool enrolled() const = 0;
  // Server credentials that ask for a client certificate and demand that it is the authority's.
  // They keep this object alive.
  virtual std::shared_ptr<grpc::ServerCredentials> MakeCredentials() = 0;
};

// What LoadTlsMaterial refuses is refused here. A certificate outside its validity is served, and
// the log warns of it.
absl::StatusOr<std::shared_ptr<TlsReloader>> OpenTls(const TlsFiles& files,
                                                     const std::string& expected_uri);

}  // namespace bpa::gateway

#endif  // BPA_AGENT_GATEWAY_TLS_H_
