// grpc.health.v1: whether this node can take commands.
#ifndef BPA_AGENT_GATEWAY_HEALTH_H_
#define BPA_AGENT_GATEWAY_HEALTH_H_

#include <functional>
#include <utility>

#include "agent/gateway/authorization.h"
#include "grpc/health/v1/health.grpc.pb.h"

namespace bpa::gateway {

// "" and "bpa.v1.AgentService" are NOT_SERVING while this node cannot take commands (WhyNotReady in
// monitoring.h); "grpc.health.v1.Health", which says so, is SERVING. Watch is UNIMPLEMENTED, as the
// protocol allows: a watcher would hold a thread.
class HealthService final : public grpc::health::v1::Health::Service {
 public:
  // `peers` outlives this.
  HealthService(const PeerCheck& peers, std::function<bool()> ready)
      : peers_(peers), ready_(std::move(ready)) {}

  grpc::Status Check(grpc::ServerContext* context,
                     const grpc::health::v1::HealthCheckRequest* request,
                     grpc::health::v1::HealthCheckResponse* response) override;

 private:
  const PeerCheck& peers_;
  const std::function<bool()> ready_;
};

}  // namespace bpa::gateway

#endif  // BPA_AGENT_GATEWAY_HEALTH_H_
