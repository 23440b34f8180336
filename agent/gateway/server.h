// The gRPC server with its limits.
#ifndef BPA_AGENT_GATEWAY_SERVER_H_
#define BPA_AGENT_GATEWAY_SERVER_H_

#include <grpcpp/server.h>

#include <memory>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/gateway/config.h"
#include "agent/gateway/connection_limiter.h"
#include "agent/gateway/relay.h"
#include "agent/gateway/service.h"

namespace bpa::gateway {

// How often certificate files are looked at.
inline constexpr absl::Duration kCertificateRefresh = absl::Minutes(1);

// Serves from Start until it is destroyed or shut down. Health says SERVING while the executor's
// socket exists.
class Server {
 public:
  // `config` must outlive the server. FailedPrecondition or InvalidArgument, naming file or
  // address, when it cannot serve.
  static absl::StatusOr<std::unique_ptr<Server>> Start(const Config& config,
                                                       absl::Duration certificate_refresh);
  ~Server();

  int port() const { return connections_->port(); }

  // Looks whether the executor can be started and tells health watchers. Returns what it told.
  bool UpdateHealth();

  // Refuses new calls, lets running ones go on for at most `grace`, then cancels them. The executor
  // finishes its command in any case.
  void Shutdown(absl::Duration grace);

 private:
  explicit Server(const Config& config);

  Relay relay_;
  Service service_;
  std::unique_ptr<ConnectionLimiter> connections_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace bpa::gateway

#endif  // BPA_AGENT_GATEWAY_SERVER_H_
