// EnrollmentService: lets a controller make this node part of its cluster. The executor holds the
// secret and decides; the gateway checks sizes and passes on.
#ifndef BPA_AGENT_GATEWAY_ENROLLMENT_SERVICE_H_
#define BPA_AGENT_GATEWAY_ENROLLMENT_SERVICE_H_

#include "agent/gateway/authorization.h"
#include "agent/gateway/short_request.h"
#include "bpa/v1/enrollment.grpc.pb.h"

namespace bpa::gateway {

// Also on a node that is enrolled: the executor says so better than "unimplemented" would.
class EnrollmentService final : public v1::EnrollmentService::Service {
 public:
  // All outlive this.
  EnrollmentService(const PeerCheck& peers, const Relay& relay, RelaySlots& slots)
      : peers_(peers), executor_{.relay = relay, .slots = slots} {}

  grpc::Status BeginEnrollment(grpc::ServerContext* context,
                               const v1::BeginEnrollmentRequest* request,
                               v1::BeginEnrollmentResponse* response) override;
  grpc::Status CompleteEnrollment(grpc::ServerContext* context,
                                  const v1::CompleteEnrollmentRequest* request,
                                  v1::CompleteEnrollmentResponse* response) override;

 private:
  const PeerCheck& peers_;
  const ExecutorAccess executor_;
};

}  // namespace bpa::gateway

#endif  // BPA_AGENT_GATEWAY_ENROLLMENT_SERVICE_H_
