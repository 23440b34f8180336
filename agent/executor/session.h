// One connection from the gateway: one request frame in, progress and one answer out; for a
// staging, wants out and content in between.
#ifndef BPA_AGENT_EXECUTOR_SESSION_H_
#define BPA_AGENT_EXECUTOR_SESSION_H_

#include <sys/types.h>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "agent/executor/identity_handler.h"
#include "agent/executor/package/socket_content.h"
#include "agent/executor/request_handler.h"

namespace bpa::executor {

struct SessionLimits {
  // For the whole request frame.
  absl::Duration read = absl::Seconds(10);
  // For one progress frame. A peer that takes longer gets no more of them, and no report on this
  // connection; the command goes on.
  absl::Duration progress = absl::Seconds(1);
  ContentLimits content;
  // For the answer.
  absl::Duration answer = absl::Seconds(10);
};

// Who answers what.
struct Handlers {
  RequestHandler& commands;
  IdentityHandler& identity;
};

// Serves the connected `socket`, which stays the caller's. Returns what the peer was told: OK for
// a report, else the refusal; Unavailable or DeadlineExceeded when the peer could not be told.
absl::Status ServeSession(int socket, uid_t gateway, const Handlers& handlers,
                          const SessionLimits& limits, RequestSummary& summary);

// Tells a peer why it is not served, without reading its request. Does not wait.
void RefuseSession(int socket, const absl::Status& reason);

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_SESSION_H_
