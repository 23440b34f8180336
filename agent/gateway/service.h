// AgentService: asks who calls, checks sizes, and passes on.
#ifndef BPA_AGENT_GATEWAY_SERVICE_H_
#define BPA_AGENT_GATEWAY_SERVICE_H_

#include <string>

#include "absl/status/status.h"
#include "agent/gateway/authorization.h"
#include "agent/gateway/command_counts.h"
#include "agent/gateway/config.h"
#include "agent/gateway/monitoring.h"
#include "agent/gateway/node_watch.h"
#include "agent/gateway/relay.h"
#include "agent/gateway/relay_slots.h"
#include "agent/gateway/request.h"
#include "agent/gateway/tls.h"
#include "bpa/v1/agent_service.grpc.pb.h"

namespace bpa::gateway {

// gRPC calls it from several threads. Stage is StageServer's.
class AgentService final
    : public v1::AgentService::WithAsyncMethod_Stage<v1::AgentService::Service> {
 public:
  // All outlive this, and what `sources` refers to.
  AgentService(const MonitoringSources& sources, const PeerCheck& peers, RelaySlots& slots,
               CommandCounts& counts)
      : config_(sources.config),
        tls_(sources.tls),
        peers_(peers),
        relay_(sources.relay),
        slots_(slots),
        counts_(counts),
        watch_(sources.watch) {}

  grpc::Status Execute(grpc::ServerContext* context, const v1::ExecuteRequest* request,
                       grpc::ServerWriter<v1::ExecuteResponse>* writer) override;
  grpc::Status GetReport(grpc::ServerContext* context, const v1::GetReportRequest* request,
                         v1::GetReportResponse* response) override;
  grpc::Status GetAudit(grpc::ServerContext* context, const v1::GetAuditRequest* request,
                        grpc::ServerWriter<v1::GetAuditResponse>* writer) override;
  grpc::Status Describe(grpc::ServerContext* context, const v1::DescribeRequest* request,
                        v1::DescribeResponse* response) override;
  grpc::Status InstallCertificate(grpc::ServerContext* context,
                                  const v1::InstallCertificateRequest* request,
                                  v1::InstallCertificateResponse* response) override;

 private:
  absl::Status RelayCommand(grpc::ServerContext& context, const std::string& envelope,
                            grpc::ServerWriter<v1::ExecuteResponse>& writer, RequestNotes& notes);
  absl::Status RelayGetAudit(grpc::ServerContext& context, const v1::GetAuditRequest& request,
                             grpc::ServerWriter<v1::GetAuditResponse>& writer);
  absl::Status RelayGetReport(grpc::ServerContext& context, const std::string& command_id,
                              std::string& report);

  const Config& config_;
  const TlsReloader& tls_;
  const PeerCheck& peers_;
  const Relay& relay_;
  RelaySlots& slots_;
  CommandCounts& counts_;
  const NodeWatch& watch_;
};

}  // namespace bpa::gateway

#endif  // BPA_AGENT_GATEWAY_SERVICE_H_
