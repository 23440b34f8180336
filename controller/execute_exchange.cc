#include <grpcpp/support/async_stream.h>

#include "controller/exchange.h"

namespace bpa::controller {
namespace {

class ExecuteExchange final : public Exchange {
 public:
  explicit ExecuteExchange(const ExchangeContext& context) : context_(context) {}

  void Start(Operation* operation) override {
    reader_ = v1::AgentService::NewStub(context_.channel)
                  ->AsyncExecute(&context_.rpc, context_.request, &context_.queue, operation);
  }
  void Read(v1::ExecuteResponse* message, Operation* operation) override {
    reader_->Read(message, operation);
  }
  void Finish(grpc::Status* status, Operation* operation) override {
    reader_->Finish(status, operation);
  }

 private:
  const ExchangeContext context_;
  std::unique_ptr<grpc::ClientAsyncReader<v1::ExecuteResponse>> reader_;
};

}  // namespace

std::unique_ptr<Exchange> MakeExecuteExchange(const ExchangeContext& context) {
  return std::make_unique<ExecuteExchange>(context);
}

}  // namespace bpa::controller
