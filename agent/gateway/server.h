// The network side of the agent, put together: listener, TLS, limits, services.
#ifndef BPA_AGENT_GATEWAY_SERVER_H_
#define BPA_AGENT_GATEWAY_SERVER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/gateway/config.h"

namespace bpa::gateway {

// Start, Run once, destroy; all from one thread. RequireTls13 was called before.
class Server {
 public:
  // Reads the certificates and listens. `config` outlives the server. Errors name the file, or the
  // address and what holds it.
  static absl::StatusOr<std::unique_ptr<Server>> Start(const Config& config);

  virtual ~Server() = default;

  // The port listened on: for configurations that ask for port 0.
  virtual uint16_t port() const = 0;

  // Of monitoring; 0 while there is none.
  virtual uint16_t metrics_port() const = 0;

  // One line for who looks at the service: "Serving", or why this node can take no commands.
  virtual std::string StatusLine() const = 0;

  // Accepts connections in the calling thread until `stop_fd` becomes readable; then calls
  // `stopping`, gives requests under way 4 s to end, and cancels what is left. `beat` is called
  // every `interval` while connections can be accepted (never for InfiniteDuration).
  virtual absl::Status Run(int stop_fd, absl::Duration interval, const std::function<void()>& beat,
                           const std::function<void()>& stopping) = 0;
};

}  // namespace bpa::gateway

#endif  // BPA_AGENT_GATEWAY_SERVER_H_
