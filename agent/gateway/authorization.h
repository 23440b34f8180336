// Who may call: controllers of this cluster, by their certificate.
#ifndef BPA_AGENT_GATEWAY_AUTHORIZATION_H_
#define BPA_AGENT_GATEWAY_AUTHORIZATION_H_

#include <grpcpp/server_context.h>

#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"
#include "agent/gateway/connections.h"

namespace bpa::gateway {

// The <name> of a certificate whose only URI is bpa://<cluster>/controller/<name> and whose
// extended key usage names TLS clients. PermissionDenied otherwise, saying what it is instead. The
// TLS handshake has proved before that it is the authority's, valid now, and the peer's own.
absl::StatusOr<std::string> ControllerName(std::string_view certificate_pem,
                                           std::string_view cluster);

// Safe to use from several threads.
class PeerCheck {
 public:
  // Whether what is behind this check is served at all now.
  using Gate = std::function<absl::Status()>;

  // `connections` outlives this.
  PeerCheck(std::string cluster, Connections& connections, Gate gate = nullptr)
      : cluster_(std::move(cluster)), connections_(connections), gate_(std::move(gate)) {}

  // The calling controller's name; also marks its connection as authorised. PermissionDenied for
  // anybody else; what the gate says to a controller.
  absl::StatusOr<std::string> Check(const grpc::ServerContext& context) const;

 private:
  const std::string cluster_;
  Connections& connections_;
  const Gate gate_;
};

}  // namespace bpa::gateway

#endif  // BPA_AGENT_GATEWAY_AUTHORIZATION_H_
