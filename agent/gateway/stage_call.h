// One Stage call: what the client sends goes to the executor, and what that says to the client.
#ifndef BPA_AGENT_GATEWAY_STAGE_CALL_H_
#define BPA_AGENT_GATEWAY_STAGE_CALL_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/async_stream.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "agent/gateway/authorization.h"
#include "agent/gateway/command_counts.h"
#include "agent/gateway/completion.h"
#include "agent/gateway/conversation.h"
#include "agent/gateway/relay.h"
#include "agent/gateway/relay_slots.h"
#include "agent/gateway/request.h"
#include "bpa/v1/agent_service.grpc.pb.h"

namespace bpa::gateway {

// What all calls share; outlives them.
struct StageContext {
  const PeerCheck& peers;
  const Relay& relay;
  RelaySlots& slots;
  CommandCounts& counts;
  // How long the executor may say nothing. There is no limit to the whole, as there is to an
  // Execute: a tree takes the time that it takes, and the connection's age ends it at last.
  absl::Duration silence;
};

// Two threads, one each way; each hands on one message before it takes the next, so that who is
// slow slows down the other side, and nothing is queued. gRPC's asynchronous API, because with the
// synchronous one a call cannot be answered while a thread waits for its client.
class StageCall {
 public:
  explicit StageCall(const StageContext& shared) : shared_(shared) {
    context_.AsyncNotifyWhenDone(&gone_);
  }

  // For RequestStage.
  grpc::ServerContext* context() { return &context_; }
  grpc::ServerAsyncReaderWriter<v1::StageResponse, v1::StageRequest>* stream() { return &stream_; }

  // Once the call has arrived: serves it to its end. The queue's thread is another one.
  void Run();

 private:
  absl::Status Serve(RequestNotes& notes);
  absl::Status ReadEnvelope();
  absl::StatusOr<std::string> Converse(RequestNotes& notes);
  // Of the client's next message into request_.
  bool Read(absl::Time deadline);
  bool Write();
  void SendContent();
  // An error is the client's.
  absl::Status PassOn();

  const StageContext& shared_;
  grpc::ServerContext context_;
  grpc::ServerAsyncReaderWriter<v1::StageResponse, v1::StageRequest> stream_{&context_};
  Completion gone_;
  Completion finished_;

  // From the client: the calling thread's, then, while it runs, the sender's.
  v1::StageRequest request_;
  Completion read_;
  bool reading_ = false;
  std::thread sender_;
  std::atomic<size_t> request_bytes_ = 0;

  // To the client.
  v1::StageResponse response_;
  Completion written_;

  std::unique_ptr<Conversation> conversation_;
  absl::Mutex mutex_;
  absl::Status violation_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace bpa::gateway

#endif  // BPA_AGENT_GATEWAY_STAGE_CALL_H_
