// Accepts TCP connections, a bounded number of them, and hands them to gRPC.
#ifndef BPA_AGENT_GATEWAY_CONNECTION_LIMITER_H_
#define BPA_AGENT_GATEWAY_CONNECTION_LIMITER_H_

#include <grpcpp/server_builder.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace bpa::gateway {

// gRPC bounds streams per connection and bytes per message, but takes any number of connections:
// each costs memory before its handshake has proven anything. This owns the listening socket
// instead and closes at once what exceeds the limit.
//
// A connection counts until it is closed by either side: a duplicate of its descriptor reports the
// hang-up (gRPC shuts a socket down before it closes it). One thread.
class ConnectionLimiter {
 public:
  // Binds and listens; `address` is numeric, "0.0.0.0:7443" or "[::]:7443". InvalidArgument for
  // another form; errors of the system name the address.
  static absl::StatusOr<std::unique_ptr<ConnectionLimiter>> Listen(const std::string& address,
                                                                   int max_connections);
  ~ConnectionLimiter();
  ConnectionLimiter(const ConnectionLimiter&) = delete;
  ConnectionLimiter& operator=(const ConnectionLimiter&) = delete;

  // The port that is listened on; tells which one `:0` became.
  int port() const;

  // Starts accepting. Call once, after the server has started.
  void Start(std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> acceptor);
  // Stops accepting and joins the thread. Established connections stay gRPC's.
  void Stop();

 private:
  ConnectionLimiter(int listener, int stop, int max_connections);

  void Loop();
  void AcceptOne();

  // Constant after construction.
  const int listener_;
  const int stop_;  // eventfd
  const size_t max_connections_;

  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> acceptor_;
  std::thread thread_;
  // Touched by the thread alone: duplicates of the descriptors that are gRPC's.
  std::vector<int> connections_;
};

}  // namespace bpa::gateway

#endif  // BPA_AGENT_GATEWAY_CONNECTION_LIMITER_H_
