// The gateway as a process: what it refuses to be, and how it ends.
#ifndef BPA_AGENT_GATEWAY_PROCESS_H_
#define BPA_AGENT_GATEWAY_PROCESS_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/gateway/server.h"

namespace bpa::gateway {

// Refuses to be root (PermissionDenied: the wall between network and privilege would be gone),
// drops the proxy variables that gRPC would obey, bounds malloc's arenas, and ends the bookkeeping
// of a debug Abseil. Call first.
absl::Status PrepareProcess();

// Blocks SIGTERM and SIGINT, in this thread and those started later, and returns a descriptor that
// becomes readable when one arrives.
absl::StatusOr<int> MakeStopDescriptor();

// Tells the service manager that the server is ready and, when it asks for it, that connections are
// still being accepted; runs the server until `stop` becomes readable. One thread.
absl::Status RunUntilStopped(Server& server, int stop);

}  // namespace bpa::gateway

#endif  // BPA_AGENT_GATEWAY_PROCESS_H_
