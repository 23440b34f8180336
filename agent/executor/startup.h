// What the process takes from its surroundings before it serves.
#ifndef BPA_AGENT_EXECUTOR_STARTUP_H_
#define BPA_AGENT_EXECUTOR_STARTUP_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/executor/config.h"

namespace bpa::executor {

// The listening socket that socket activation handed over; it stays open as long as the process.
// FailedPrecondition, with how to start the executor, unless it is exactly one listening UNIX
// stream socket.
absl::StatusOr<int> TakeListeningSocket();

// Blocks SIGTERM and SIGINT in this thread and those that it starts, and returns a descriptor that
// becomes readable when one arrives.
absl::StatusOr<int> MakeStopDescriptor();

// What would keep the executor from serving: the first of an unknown gateway user, a trust store
// that is unreadable, loose or empty, a report key that is missing or loose. Changes nothing.
absl::Status CheckSurroundings(const Config& config);

// Tells the service manager, if there is one.
void NotifyReady();
void NotifyStopping();

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_STARTUP_H_
