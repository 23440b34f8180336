// One attempt at one node: an RPC under way, Execute or Stage.
#ifndef BPA_CONTROLLER_EXCHANGE_H_
#define BPA_CONTROLLER_EXCHANGE_H_

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>

#include <memory>

#include "bpa/v1/agent_service.grpc.pb.h"
#include "controller/rate_limit.h"
#include "controller/staging/content_supplier.h"

namespace bpa::controller {

// What the queue's tags point to.
class Operation {
 public:
  virtual ~Operation() = default;
  // It ended; `ok` as the queue says.
  virtual void Ended(bool ok) = 0;
};

// One of Start, Read and Finish at a time, each of which ends as `operation`. Not to be destroyed
// before Finish has ended. Single-threaded.
class Exchange {
 public:
  virtual ~Exchange() = default;

  virtual void Start(Operation* operation) = 0;
  // Progress or the report.
  virtual void Read(v1::ExecuteResponse* message, Operation* operation) = 0;
  // After a Read that was not ok.
  virtual void Finish(grpc::Status* status, Operation* operation) = 0;
  // Called often: sends what waits for its time.
  virtual void Pump() {}
  // Whether the node has asked for content.
  virtual bool asked() const { return false; }
};

// What an exchange is made of; outlives it.
struct ExchangeContext {
  const std::shared_ptr<grpc::Channel>& channel;
  grpc::ClientContext& rpc;
  grpc::CompletionQueue& queue;
  const v1::ExecuteRequest& request;
};

std::unique_ptr<Exchange> MakeExecuteExchange(const ExchangeContext& context);

// Sends what the node wants, from a stream of its own of `content`, no faster than `limit`; both
// outlive it.
std::unique_ptr<Exchange> MakeStageExchange(const ExchangeContext& context,
                                            ContentSupplier& content, RateLimit& limit);

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_EXCHANGE_H_
