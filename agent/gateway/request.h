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

// Runs `handle` if the peer may call, and logs. Returns what the client gets.
grpc::Status Serve(std::string_view method, const grpc::ServerContext& context,
                   const PeerCheck& peers, size_t request_bytes,
                   const std::function<absl::Status()>& handle);

}  // namespace bpa::gateway

#endif  // BPA_AGENT_GATEWAY_REQUEST_H_
