// Takes Stage calls as they arrive and gives each a thread.
#ifndef BPA_AGENT_GATEWAY_STAGE_SERVER_H_
#define BPA_AGENT_GATEWAY_STAGE_SERVER_H_

#include <grpcpp/completion_queue.h>

#include <memory>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "agent/gateway/service.h"
#include "agent/gateway/stage_call.h"

namespace bpa::gateway {

// Calls that are served at once: the relays, and as many that are being refused. More wait in gRPC
// for one to end.
inline constexpr int kMaxStageCalls = 2 * kMaxConcurrentRelays;

// Two threads, which sleep while nobody stages: the queue's, and one that waits for the next call.
class StageServer {
 public:
  // `service` and what `context` refers to outlive this.
  StageServer(AgentService& service, std::unique_ptr<grpc::ServerCompletionQueue> queue,
              const StageContext& context);
  // The gRPC server was shut down before, but is still there.
  ~StageServer();

  // Once the gRPC server has been started.
  void Start();

 private:
  void Dispatch();
  void AddWorker() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Work();
  bool Expect(StageCall& call);
  // After a call: whether this worker is to wait for the next one.
  bool IsNeeded();

  AgentService& service_;
  const std::unique_ptr<grpc::ServerCompletionQueue> queue_;
  const StageContext context_;
  std::thread dispatcher_;

  absl::Mutex mutex_;
  int workers_ ABSL_GUARDED_BY(mutex_) = 0;
  // Of these, how many wait for a call: one, or none when there are kMaxStageCalls.
  int waiting_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace bpa::gateway

#endif  // BPA_AGENT_GATEWAY_STAGE_SERVER_H_
