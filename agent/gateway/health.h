// grpc.health.v1: whether this node can take commands.
#ifndef BPA_AGENT_GATEWAY_HEALTH_H_
#define BPA_AGENT_GATEWAY_HEALTH_H_

#include "agent/gateway/authorization.h"
#include "agent/gateway/relay.h"
#include "grpc/health/v1/health.grpc.pb.h"

namespace bpa::gateway {

// Knows "" and "bpa.v1.AgentService": NOT_SERVING while the executor's socket does not exist. Does
// not connect to it, which would start the executor. Watch is UNIMPLEMENTED, as the protocol
// allows: a watcher would hold a thread.
class HealthService final : public grpc::health::v1::Health::Service {
 public:
  // `peers` and `relay` outlive this.
  HealthService(const PeerCheck& peers, const Relay& relay) : peers_(peers), relay_(relay) {}

  grpc::Status Check(grpc::ServerContext* context,
                     const grpc::health::v1::HealthCheckRequest* request,
                     grpc::health::v1::HealthCheckResponse* response) override;

 private:
  const PeerCheck& peers_;
  const Relay& relay_;
};

}  // namespace bpa::gateway

#endif  // BPA_AGENT_GATEWAY_HEALTH_H_
