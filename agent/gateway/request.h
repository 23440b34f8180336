// What is common to every request: who calls, and one line in the log.
#ifndef BPA_AGENT_GATEWAY_REQUEST_H_
#define BPA_AGENT_GATEWAY_REQUEST_H_

#include <grpcpp/server_context.h>

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "agent/gateway/authorization.h"
#include "agent/gateway/command_counts.h"
#include "bpa/v1/status.pb.h"

namespace bpa::gateway {

// Of the same code and message.
grpc::Status ToGrpc(const absl::Status& status);

// What is learnt of a request while it is served, for its line in the log.
struct RequestNotes {
  size_t bytes = 0;
  // What the executor said of a command.
  std::optional<v1::Ended> ended;
};

// Takes the body of the executor's frame about how a command ended: counts it and notes it. One
// that cannot be read is left out. Always true, as a relay's taker.
bool NoteEnded(const std::string& body, CommandCounts& counts, RequestNotes& notes);

// Runs `handle` if the peer may call, and logs. Returns what the client gets.
grpc::Status Serve(std::string_view method, const grpc::ServerContext& context,
                   const PeerCheck& peers,
                   const std::function<absl::Status(RequestNotes&)>& handle);

// Where nothing but the bytes is noted.
inline grpc::Status Serve(std::string_view method, const grpc::ServerContext& context,
                          const PeerCheck& peers, size_t request_bytes,
                          const std::function<absl::Status()>& handle) {
  return Serve(method, context, peers, [&](RequestNotes& notes) {
    notes.bytes = request_bytes;
    return handle();
  });
}

// Whether this may be the envelope of a command, by its size alone.
absl::Status CheckEnvelope(std::string_view envelope);

}  // namespace bpa::gateway

#endif  // BPA_AGENT_GATEWAY_REQUEST_H_
