// DescribeNodes: the gateways' self-description, asked of all nodes at once.
#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/support/async_unary_call.h>

#include <chrono>
#include <memory>

#include "absl/strings/str_cat.h"
#include "bpa/v1/agent_service.grpc.pb.h"
#include "controller/channel.h"
#include "controller/fleet.h"

namespace bpa::controller {
namespace {

constexpr std::chrono::milliseconds kStopPollInterval{50};

struct DescribeCall {
  std::shared_ptr<grpc::Channel> channel;
  grpc::ClientContext rpc;
  std::unique_ptr<grpc::ClientAsyncResponseReader<v1::DescribeResponse>> reader;
  grpc::Status status;
  absl::Time started;
};

void Start(const Dialer& dialer, const Node& node, absl::Duration timeout,
           grpc::CompletionQueue& queue, DescribeCall& call, DescribeResult& result) {
  call.started = absl::Now();
  call.rpc.set_deadline(absl::ToChronoTime(call.started + timeout));
  call.channel = dialer.Dial(node, timeout);
  call.reader = v1::AgentService::NewStub(call.channel)
                    ->AsyncDescribe(&call.rpc, v1::DescribeRequest(), &queue);
  call.reader->Finish(&result.description, &call.status, &call);
}

void Finish(const Node& node, const DescribeCall& call, DescribeResult& result) {
  if (!call.status.ok()) {
    result.status = absl::Status(
        static_cast<absl::StatusCode>(call.status.error_code()),
        absl::StrCat("no answer from ", node.address, " (", call.status.error_message(),
                     "): check that bpa-gateway runs there and its port is open"));
    return;
  }
  if (result.description.node() != node.name) {
    result.status = absl::FailedPreconditionError(
        absl::StrCat(node.address, " says that it is \"", result.description.node(),
                     "\": correct the address in cluster.yaml or the node's agent.yaml"));
    return;
  }
  const absl::Time now = absl::Now();
  const absl::Time midway = call.started + (now - call.started) / 2;
  result.clock_offset = midway - absl::FromUnixMillis(result.description.now_unix_millis());
}

}  // namespace

std::vector<DescribeResult> DescribeNodes(const std::vector<Node>& nodes,
                                          const ClientIdentity& identity,
                                          const FleetOptions& options,
                                          const std::function<bool()>& stop) {
  const Dialer dialer(identity);
  grpc::CompletionQueue queue;
  std::vector<DescribeResult> results(nodes.size());
  std::vector<DescribeCall> calls(nodes.size());
  for (size_t i = 0; i < nodes.size(); ++i) {
    results[i].node = nodes[i].name;
    Start(dialer, nodes[i], options.connect_timeout, queue, calls[i], results[i]);
  }
  for (size_t answers = 0; answers < nodes.size();) {
    void* tag = nullptr;
    bool ok = false;
    const auto until = std::chrono::system_clock::now() + kStopPollInterval;
    if (queue.AsyncNext(&tag, &ok, until) == grpc::CompletionQueue::GOT_EVENT) {
      const size_t i = static_cast<size_t>(static_cast<DescribeCall*>(tag) - calls.data());
      Finish(nodes[i], calls[i], results[i]);
      ++answers;
    } else if (stop && stop()) {
      for (DescribeCall& call : calls) call.rpc.TryCancel();
    }
  }
  queue.Shutdown();
  void* tag = nullptr;
  bool ok = false;
  while (queue.Next(&tag, &ok)) {
  }
  return results;
}

}  // namespace bpa::controller
