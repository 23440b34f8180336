// What is common to every request: who calls, and one line in the log.
#ifndef BPA_AGENT_GATEWAY_REQUEST_H_
#define BPA_AGENT_GATEWAY_REQUEST_H_

#include <grpcpp/server_context.h>

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "agent/gateway/authorization.h"

namespace bpa::gateway {

// Of the same code and message.
grpc::Status ToGrpc(const absl::Status& status);

// Runs `handle` if the peer may call, and logs, with `request_bytes` once it has ended. Returns
// what the client gets.
grpc::Status Serve(std::string_view method, const grpc::ServerContext& context,
                   const PeerCheck& peers, const std::function<size_t()>& request_bytes,
                   const std::function<absl::Status()>& handle);

// Where the bytes are known before.
inline grpc::Status Serve(std::string_view method, const grpc::ServerContext& context,
                          const PeerCheck& peers, size_t request_bytes,
                          const std::function<absl::Status()>& handle) {
  return Serve(
      method, context, peers, [request_bytes] { return request_bytes; }, handle);
}

// Whether this may be the envelope of a command, by its size alone.
absl::Status CheckEnvelope(std::string_view envelope);

}  // namespace bpa::gateway

#endif  // BPA_AGENT_GATEWAY_REQUEST_H_
