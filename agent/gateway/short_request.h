// Requests to the executor that are one frame there and one frame back, within seconds.
#ifndef BPA_AGENT_GATEWAY_SHORT_REQUEST_H_
#define BPA_AGENT_GATEWAY_SHORT_REQUEST_H_

#include <grpcpp/server_context.h>

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/gateway/relay.h"
#include "agent/gateway/relay_slots.h"

namespace bpa::gateway {

struct ExecutorAccess {
  const Relay& relay;
  RelaySlots& slots;
};

// The earlier of the client's deadline and `at_most` from now.
absl::Time Deadline(const grpc::ServerContext& context, absl::Duration at_most);

// The body of the answer, which is of type `answer`; errors as Relay::Run's, and ResourceExhausted
// when the executor has as many requests as it takes. At most 10 s.
absl::StatusOr<std::string> RelayShort(const grpc::ServerContext& context, const Frame& request,
                                       FrameType answer, const ExecutorAccess& executor);

}  // namespace bpa::gateway

#endif  // BPA_AGENT_GATEWAY_SHORT_REQUEST_H_
