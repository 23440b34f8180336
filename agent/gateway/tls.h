// The gateway's TLS: mutual, version 1.3 only, renewed without a restart.
#ifndef BPA_AGENT_GATEWAY_TLS_H_
#define BPA_AGENT_GATEWAY_TLS_H_

#include <grpcpp/security/server_credentials.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/gateway/config.h"

namespace bpa::gateway {

// Makes every SSL_CTX of this process refuse all before TLS 1.3. gRPC 1.51 has no option for it,
// but libssl applies the `system_default` section of its configuration to each new context
// (SSL_CTX_new(3), config(5)), and gRPC's own minimum of 1.2 does not take it back. Call once,
// before any context is made and before threads are started.
absl::Status RequireTls13();

// Clients must present a certificate of the configured CA. The three files are looked at again
// every `refresh`: a renewed certificate serves the next handshake. FailedPrecondition, before
// anything is served, when a file is missing, unreadable, loosely permitted (key), does not parse,
// or when key and certificate do not belong together.
absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MakeServerCredentials(
    const Config& config, absl::Duration refresh);

// End of the certificate's validity. Reads the file anew.
absl::StatusOr<absl::Time> CertificateExpiry(const std::string& path);

}  // namespace bpa::gateway

#endif  // BPA_AGENT_GATEWAY_TLS_H_
