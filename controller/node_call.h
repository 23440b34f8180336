// One command on its way to one node: attempts, progress, the verdict.
#ifndef BPA_CONTROLLER_NODE_CALL_H_
#define BPA_CONTROLLER_NODE_CALL_H_

#include <grpcpp/alarm.h>
#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>

#include <atomic>
#include <memory>
#include <string>

#include "absl/time/time.h"
#include "bpa/v1/agent_service.grpc.pb.h"
#include "controller/channel.h"
#include "controller/exchange.h"
#include "controller/fleet.h"
#include "controller/report_check.h"
#include "proto/verifier.h"

namespace bpa::controller {

// What all nodes of a run share. Outlives the calls.
struct CallContext {
  const Dialer& dialer;
  const v1::ExecuteRequest& request;
  const SentCommand& sent;
  const FleetOptions& options;
  const FleetObserver& observer;
  const std::atomic<bool>& stop;
  grpc::CompletionQueue& queue;
  RateLimit& limit;
  // Where the operator finds the signed command, for messages.
  std::string command_path;
};

// The queue's tags are Operations, this and those of its exchange. Single-threaded.
class NodeCall : public Operation {
 public:
  NodeCall(const CallContext& context, const Node& node, Verifier pinned);

  void Start();
  void Ended(bool ok) override;
  // Called often: sends content whose time has come.
  void Tick();
  // The call has ended and has a result; nothing of it is on the queue.
  bool over() const { return over_; }
  NodeResult TakeResult() { return std::move(result_); }

 private:
  enum class Phase { kConnecting, kReading, kFinishing, kPausing };
  enum class Verdict { kEnded, kSendAgain };

  void StartAttempt();
  void OnMessage();
  void NotePackage(const v1::Progress& progress);
  Verdict OnFinished();
  Verdict OnReport(v1::Report report);
  Verdict OnLost(const std::string& why);
  Verdict OnBusyWithThis();
  Verdict SendAgainAfterPause();
  Verdict End(NodeState state, absl::Status status);
  bool staging() const { return context_.options.content != nullptr; }
  bool MaySendAgain() const;
  bool NeverConnected() const;
  std::string Aftermath() const;

  // Constant after construction.
  const CallContext& context_;
  const Node node_;
  const Verifier pinned_;

  absl::Time started_;
  absl::Time deadline_;          // of the whole call, all attempts together
  absl::Time connect_deadline_;  // moves on with every sign of life
  absl::Duration pause_;
  int attempts_left_;
  bool maybe_sent_ = false;

  // One attempt. The exchange refers to the context, the context to the channel.
  Phase phase_ = Phase::kConnecting;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<grpc::ClientContext> rpc_;
  std::unique_ptr<Exchange> exchange_;
  v1::ExecuteResponse message_;
  grpc::Status rpc_status_;
  grpc::Alarm alarm_;
  bool answered_ = false;
  bool over_ = false;

  NodeResult result_;
};

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_NODE_CALL_H_
