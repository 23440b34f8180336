// The listening socket and the loop around it.
#ifndef BPA_AGENT_GATEWAY_LISTENER_H_
#define BPA_AGENT_GATEWAY_LISTENER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/gateway/address.h"

namespace bpa::gateway {

class Listener {
 public:
  // "[::]" takes IPv4 as well. Unavailable when the address cannot be had; `setting` is where it
  // comes from.
  static absl::StatusOr<std::unique_ptr<Listener>> Open(const SocketAddress& address,
                                                        const char* setting = "gateway.listen");
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  int fd() const { return fd_; }
  uint16_t port() const { return port_; }

  // Accepts until `stop_fd` is readable. `take` owns the connected, non-blocking socket it gets,
  // with the other side as PeerUri has it. `beat` is called at least every `interval`.
  absl::Status AcceptUntil(int stop_fd, absl::Duration interval, const std::function<void()>& beat,
                           const std::function<void(int fd, std::string peer)>& take);

 private:
  Listener(int fd, uint16_t port) : fd_(fd), port_(port) {}

  const int fd_;
  const uint16_t port_;
};

}  // namespace bpa::gateway

#endif  // BPA_AGENT_GATEWAY_LISTENER_H_
