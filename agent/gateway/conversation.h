// A request to the executor that goes on in both directions until it is answered.
#ifndef BPA_AGENT_GATEWAY_CONVERSATION_H_
#define BPA_AGENT_GATEWAY_CONVERSATION_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/gateway/relay.h"
#include "agent/gateway/traffic.h"
#include "proto/frame.h"

namespace bpa::gateway {

// Send may be called by one thread while another is in Receive. Holds one frame each way, no more.
class Conversation {
 public:
  // `fd`: a connection to the executor on which the request was sent; taken over.
  // `request` is its type; `traffic` outlives this.
  Conversation(int fd, FrameType request, Traffic& traffic);
  ~Conversation();
  Conversation(const Conversation&) = delete;
  Conversation& operator=(const Conversation&) = delete;

  // The executor's answer, as Relay::Run returns it.
  absl::StatusOr<std::string> Receive(const RelayOptions& options) const;
  // Waits for as long as the executor does not read. Unavailable when it has closed, or after Stop.
  absl::Status Send(FrameType type, std::string_view body) const;
  // The client sends no more: tells the executor.
  void EndSending() const;
  // Wakes whoever is in Send, and ends the conversation for the executor.
  void Stop() const;

 private:
  const int fd_;
  const FrameType request_;
  Traffic& traffic_;
  const absl::Time began_;
};

}  // namespace bpa::gateway

#endif  // BPA_AGENT_GATEWAY_CONVERSATION_H_
