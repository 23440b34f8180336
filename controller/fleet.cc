#include "controller/fleet.h"

#include <chrono>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "controller/exit_code.h"
#include "controller/node_call.h"
#include "controller/schedule.h"

namespace bpa::controller {
namespace {

// How soon Ctrl-C is noticed while nothing comes from the network.
constexpr std::chrono::milliseconds kStopPollInterval{50};
// The same while content may be waiting for its time.
constexpr std::chrono::milliseconds kStagingInterval{5};

class FleetRun {
 public:
  FleetRun(const std::vector<Node>& nodes, const Home& home, const CallContext& context)
      : nodes_(nodes),
        home_(home),
        context_(context),
        schedule_(nodes.size(), context.options.concurrency, context.options.batch,
                  context.options.max_failures),
        calls_(nodes.size()),
        results_(nodes.size()) {}

  std::vector<NodeResult> Run() {
    while (StartNodes()) AwaitEvent();
    context_.queue.Shutdown();
    void* tag;
    bool ok;
    while (context_.queue.Next(&tag, &ok)) {
    }
    ExplainNotSent();
    return std::move(results_);
  }

 private:
  // False when nothing is under way and nothing will be.
  bool StartNodes() {
    if (context_.stop) schedule_.Stop();
    while (std::optional<size_t> index = schedule_.Next()) Begin(*index);
    return schedule_.under_way() > 0;
  }

  // Without the pinned key no answer could be believed, so nothing is sent.
  void Begin(size_t index) {
    absl::StatusOr<PublicKey> key = home_.ReadReportKey(nodes_[index].name);
    if (!key.ok()) {
      NodeResult result;
      result.node = nodes_[index].name;
      result.status = key.status();
      End(index, std::move(result));
      return;
    }
    std::vector<TrustedSigner> pinned;
    pinned.push_back({nodes_[index].name, *std::move(key)});
    calls_[index] =
        std::make_unique<NodeCall>(context_, nodes_[index], Verifier(std::move(pinned)));
    calls_[index]->Start();
  }

  void AwaitEvent() {
    void* tag = nullptr;
    bool ok = false;
    const auto interval =
        context_.options.content == nullptr ? kStopPollInterval : kStagingInterval;
    const auto until = std::chrono::system_clock::now() + interval;
    if (context_.queue.AsyncNext(&tag, &ok, until) == grpc::CompletionQueue::GOT_EVENT) {
      static_cast<Operation*>(tag)->Ended(ok);
    }
    // From another one each time: who is asked first gets what a rate limit has left.
    ++first_;
    for (size_t i = 0; i < calls_.size(); ++i) {
      const size_t index = (first_ + i) % calls_.size();
      if (calls_[index] == nullptr) continue;
      calls_[index]->Tick();
      if (calls_[index]->over()) End(index, calls_[index]->TakeResult());
    }
  }

  void End(size_t index, NodeResult result) {
    calls_[index].reset();
    if (result.state == NodeState::kReported) {
      const absl::Status saved =
          home_.SaveReport(context_.sent.command.id(), result.node, result.report_envelope);
      if (!saved.ok()) result.status = saved;
    }
    schedule_.Ended(Failed(result));
    if (context_.observer.finished) context_.observer.finished(result);
    results_[index] = std::move(result);
  }

  void ExplainNotSent() {
    const absl::Status why = absl::CancelledError(
        context_.stop ? "stopped by the operator before its turn"
                      : absl::StrCat("stopped before its turn: more than ",
                                     context_.options.max_failures, " nodes failed"));
    for (size_t i = 0; i < nodes_.size(); ++i) {
      if (!results_[i].node.empty()) continue;
      results_[i].node = nodes_[i].name;
      results_[i].status = why;
    }
  }

  const std::vector<Node>& nodes_;
  const Home& home_;
  const CallContext& context_;
  Schedule schedule_;
  std::vector<std::unique_ptr<NodeCall>> calls_;
  size_t first_ = 0;
  std::vector<NodeResult> results_;
};

std::vector<NodeResult> NoneSent(const std::vector<Node>& nodes, const absl::Status& why) {
  std::vector<NodeResult> results;
  results.reserve(nodes.size());
  for (const Node& node : nodes) results.push_back({.node = node.name, .status = why});
  return results;
}

}  // namespace

std::vector<NodeResult> RunCommand(const std::vector<Node>& nodes, const ClientIdentity& identity,
                                   const Home& home, const std::string& command_id,
                                   std::string_view envelope, const FleetOptions& options,
                                   const FleetObserver& observer, const std::atomic<bool>& stop) {
  absl::StatusOr<SentCommand> sent = ReadSentCommand(envelope);
  if (!sent.ok()) return NoneSent(nodes, sent.status());
  if (sent->command.id() != command_id) {
    return NoneSent(
        nodes, absl::InvalidArgumentError(absl::StrCat("the envelope holds command ",
                                                       sent->command.id(), ", not ", command_id)));
  }
  const Dialer dialer(identity);
  v1::ExecuteRequest request;
  request.set_envelope(envelope.data(), envelope.size());
  grpc::CompletionQueue queue;
  RateLimit limit(options.limit_rate, absl::Now());
  const CallContext context{
      .dialer = dialer,
      .request = request,
      .sent = *sent,
      .options = options,
      .observer = observer,
      .stop = stop,
      .queue = queue,
      .limit = limit,
      .command_path = absl::StrCat(home.path(), "/commands/", command_id, "/command.dsse")};
  return FleetRun(nodes, home, context).Run();
}

}  // namespace bpa::controller
