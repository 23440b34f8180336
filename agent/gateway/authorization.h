// Who may call, by the certificate that the TLS handshake has verified.
#ifndef BPA_AGENT_GATEWAY_AUTHORIZATION_H_
#define BPA_AGENT_GATEWAY_AUTHORIZATION_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace bpa::gateway {

// `uris`: the URI subject alternative names of the peer's certificate. Returns the controller's
// name from the one that reads `bpa://<cluster>/controller/<name>`; PermissionDenied, naming what
// was presented, when there is none: nodes hold certificates of the same authority and must not
// command each other.
absl::StatusOr<std::string> AuthorizePeer(const std::vector<std::string>& uris,
                                          std::string_view cluster);

}  // namespace bpa::gateway

#endif  // BPA_AGENT_GATEWAY_AUTHORIZATION_H_
