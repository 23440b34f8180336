#include "agent/gateway/health.h"

#include "agent/gateway/request.h"
#include "bpa/v1/agent_service.grpc.pb.h"

namespace bpa::gateway {

using grpc::health::v1::HealthCheckResponse;

grpc::Status HealthService::Check(grpc::ServerContext* context,
                                  const grpc::health::v1::HealthCheckRequest* request,
                                  HealthCheckResponse* response) {
  return Serve("Health.Check", *context, peers_, request->service().size(), [&] {
    const std::string& service = request->service();
    if (service == grpc::health::v1::Health::service_full_name()) {
      response->set_status(HealthCheckResponse::SERVING);
      return absl::OkStatus();
    }
    if (!service.empty() && service != v1::AgentService::service_full_name()) {
      return absl::NotFoundError("no such service here: ask for bpa.v1.AgentService");
    }
    response->set_status(ready_() ? HealthCheckResponse::SERVING
                                  : HealthCheckResponse::NOT_SERVING);
    return absl::OkStatus();
  });
}

}  // namespace bpa::gateway
