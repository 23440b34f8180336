// One request to the executor: connect, one frame there, frames back.
#ifndef BPA_AGENT_GATEWAY_RELAY_H_
#define BPA_AGENT_GATEWAY_RELAY_H_

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/gateway/traffic.h"
#include "proto/frame.h"

namespace bpa::gateway {

struct RelayOptions {
  absl::Time deadline = absl::InfiniteFuture();
  // The frame that ends the conversation well.
  FrameType answer = FrameType::kReport;
  // Asked a few times a second while the executor works; true ends the relay. May be empty.
  std::function<bool()> cancelled;
  // How long the executor may say nothing.
  absl::Duration silence = absl::InfiniteDuration();
  // Take the body of each progress and want frame; false ends the relay: nobody listens any more.
  // Empty where none is expected.
  std::function<bool(const std::string& progress)> on_progress;
  std::function<bool(const std::string& want)> on_want;
  // Takes the body of the frame that says how a command ended; likewise.
  std::function<bool(const std::string& ended)> on_ended = nullptr;
  // Takes the body of each page of the audit record; likewise.
  std::function<bool(const std::string& page)> on_audit = nullptr;
};

// Where the executor may or may not have the command, for messages.
inline constexpr char kMayHaveRun[] =
    "the command may or may not have been carried out: send the same command again";

// What the client is told of a connection to the executor that failed with `status`.
absl::Status ExplainToClient(const absl::Status& status);

class Conversation;

// Knows nothing of what it carries. Safe to use from several threads.
class Relay {
 public:
  // `traffic` counts what passes, and outlives this.
  Relay(std::string socket_path, Traffic& traffic)
      : socket_path_(std::move(socket_path)), traffic_(traffic) {}

  // Whether somebody may be listening: the socket file exists.
  bool ExecutorSocketExists() const;

  // Sends `request`, whose body is within kMaxFrameBodyBytes, and returns the body of the answer.
  // What the executor answers with an error frame comes back as that status. Otherwise Unavailable
  // (no connection, or it ended before the report: the executor may or may not have the request),
  // DeadlineExceeded, Cancelled, or Internal (the executor does not speak as PROTOCOL.md says).
  // Ending the relay does not end the command: the executor finishes what it has accepted.
  absl::StatusOr<std::string> Run(const Frame& request, const RelayOptions& options) const;

  // Sends `request` likewise, and leaves what follows to the caller.
  absl::StatusOr<std::unique_ptr<Conversation>> Begin(const Frame& request,
                                                      absl::Time deadline) const;

 private:
  absl::StatusOr<int> Connect() const;

  const std::string socket_path_;
  Traffic& traffic_;
};

}  // namespace bpa::gateway

#endif  // BPA_AGENT_GATEWAY_RELAY_H_
