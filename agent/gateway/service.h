// AgentService: checks who calls and how much, relays the rest.
#ifndef BPA_AGENT_GATEWAY_SERVICE_H_
#define BPA_AGENT_GATEWAY_SERVICE_H_

#include <atomic>
#include <string>

#include "agent/gateway/config.h"
#include "agent/gateway/relay.h"
#include "bpa/v1/agent_service.grpc.pb.h"

namespace bpa::gateway {

// Commands that may be under way at once. The executor takes one that changes things and a few
// that look; more would only hold threads.
inline constexpr int kMaxConcurrentCommands = 8;

// Never looks inside an envelope. Logs one line per call. Thread-safe.
class Service final : public v1::AgentService::Service {
 public:
  // Both must outlive the service.
  Service(const Config& config, const Relay& relay);

  grpc::Status Execute(grpc::ServerContext* context, const v1::ExecuteRequest* request,
                       grpc::ServerWriter<v1::ExecuteResponse>* writer) override;
  grpc::Status GetReport(grpc::ServerContext* context, const v1::GetReportRequest* request,
                         v1::GetReportResponse* response) override;
  grpc::Status Describe(grpc::ServerContext* context, const v1::DescribeRequest* request,
                        v1::DescribeResponse* response) override;

 private:
  absl::Status RelayCommand(grpc::ServerContext* context, const v1::ExecuteRequest& request,
                            grpc::ServerWriter<v1::ExecuteResponse>* writer);
  absl::Status RelayReport(grpc::ServerContext* context, const v1::GetReportRequest& request,
                           v1::GetReportResponse* response);

  const Config& config_;
  const Relay& relay_;
  std::atomic<int> commands_{0};
};

}  // namespace bpa::gateway

#endif  // BPA_AGENT_GATEWAY_SERVICE_H_
