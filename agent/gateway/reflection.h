// gRPC reflection: what services there are and what their messages look like, for tools as grpcurl.
#ifndef BPA_AGENT_GATEWAY_REFLECTION_H_
#define BPA_AGENT_GATEWAY_REFLECTION_H_

#include <atomic>
#include <string>
#include <vector>

#include "agent/gateway/authorization.h"
#include "grpc/reflection/v1alpha/reflection.grpc.pb.h"

namespace bpa::gateway {

// Each conversation holds a thread: more at once are refused.
inline constexpr int kMaxReflections = 2;
// Of one conversation: more than all that there is to ask.
inline constexpr int kMaxReflectionRequests = 256;

// For controllers alone, which gRPC's own plugin cannot be told. Served only where agent.yaml asks
// for it. The schema's descriptors are made when they are first asked for, and stay.
class ReflectionService final : public grpc::reflection::v1alpha::ServerReflection::Service {
 public:
  // `services`: full names. `peers` outlives this.
  ReflectionService(const PeerCheck& peers, std::vector<std::string> services);

  grpc::Status ServerReflectionInfo(
      grpc::ServerContext* context,
      grpc::ServerReaderWriter<grpc::reflection::v1alpha::ServerReflectionResponse,
                               grpc::reflection::v1alpha::ServerReflectionRequest>* stream)
      override;

 private:
  const PeerCheck& peers_;
  const std::vector<std::string> services_;
  std::atomic<int> running_ = 0;
};

}  // namespace bpa::gateway

#endif  // BPA_AGENT_GATEWAY_REFLECTION_H_
