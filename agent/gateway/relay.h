// One request to the executor over its UNIX socket.
#ifndef BPA_AGENT_GATEWAY_RELAY_H_
#define BPA_AGENT_GATEWAY_RELAY_H_

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "proto/frame.h"

namespace bpa::gateway {

// Immutable after construction; safe to use from several threads. Every call is a connection of
// its own, so that a request can neither see nor block another.
class Relay {
 public:
  explicit Relay(std::string socket_path);

  // Writes `request`, hands the body of each progress frame to `progressed`, and returns the body
  // of the report frame. An error frame becomes the status that the executor sent. Unavailable when
  // the executor cannot be reached or goes away before it answered; DeadlineExceeded at `deadline`;
  // Cancelled when `progressed` returns false (the executor finishes the command all the same).
  // Sleeps at most a second between calls of `cancelled`.
  absl::StatusOr<std::string> Call(const Frame& request,
                                   const std::function<bool(std::string_view)>& progressed,
                                   const std::function<bool()>& cancelled,
                                   absl::Time deadline) const;

  // Whether the executor's socket is there to be connected to. Starts nothing.
  bool SocketExists() const;

 private:
  std::string socket_path_;
};

}  // namespace bpa::gateway

#endif  // BPA_AGENT_GATEWAY_RELAY_H_
