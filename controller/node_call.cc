#include "controller/node_call.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace bpa::controller {
namespace {

constexpr absl::Duration kFirstPause = absl::Milliseconds(100);
constexpr absl::Duration kLongestPause = absl::Seconds(2);
// A staging goes on for long enough to see a gateway restarted: its unit waits for two seconds.
constexpr absl::Duration kFirstStagingPause = absl::Milliseconds(500);

absl::Status ToAbsl(const grpc::Status& status) {
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
}

// A stream that was cut, as opposed to an answer. Some HTTP/2 resets come as INTERNAL, and one by a
// server that is short of memory as RESOURCE_EXHAUSTED.
bool IsLost(const grpc::Status& status) {
  const grpc::StatusCode code = status.error_code();
  if (code == grpc::StatusCode::INTERNAL || code == grpc::StatusCode::RESOURCE_EXHAUSTED) {
    return status.error_message().find("RST_STREAM") != std::string::npos;
  }
  return code == grpc::StatusCode::OK || code == grpc::StatusCode::UNAVAILABLE ||
         code == grpc::StatusCode::CANCELLED;
}

std::string WhyLost(const grpc::Status& status) {
  return status.ok() ? "the stream ended before the report" : status.error_message();
}

}  // namespace

NodeCall::NodeCall(const CallContext& context, const Node& node, Verifier pinned)
    : context_(context),
      node_(node),
      pinned_(std::move(pinned)),
      pause_(context.options.content == nullptr ? kFirstPause : kFirstStagingPause),
      attempts_left_(std::max(context.options.retries, 0)) {
  result_.node = node.name;
}

void NodeCall::Start() {
  started_ = absl::Now();
  deadline_ = started_ + context_.options.command_timeout;
  connect_deadline_ = started_ + context_.options.connect_timeout;
  if (context_.observer.started) context_.observer.started(node_.name);
  StartAttempt();
}

void NodeCall::StartAttempt() {
  exchange_.reset();
  rpc_ = std::make_unique<grpc::ClientContext>();
  rpc_->set_deadline(absl::ToChronoTime(deadline_));
  channel_ = context_.dialer.Dial(node_, connect_deadline_ - absl::Now());
  answered_ = false;
  phase_ = Phase::kConnecting;
  const ExchangeContext parts{
      .channel = channel_, .rpc = *rpc_, .queue = context_.queue, .request = context_.request};
  exchange_ = staging() ? MakeStageExchange(parts, *context_.options.content, context_.limit)
                        : MakeExecuteExchange(parts);
  exchange_->Start(this);
}

void NodeCall::Ended(bool ok) {
  switch (phase_) {
    case Phase::kConnecting:
      // Not `ok` is said again, with its reason, by Finish.
      phase_ = Phase::kReading;
      exchange_->Read(&message_, this);
      return;
    case Phase::kReading:
      if (ok) {
        OnMessage();
        exchange_->Read(&message_, this);
      } else {
        phase_ = Phase::kFinishing;
        exchange_->Finish(&rpc_status_, this);
      }
      return;
    case Phase::kFinishing:
      over_ = OnFinished() == Verdict::kEnded;
      return;
    case Phase::kPausing:
      StartAttempt();
      return;
  }
}

void NodeCall::Tick() {
  if (exchange_ != nullptr) exchange_->Pump();
}

void NodeCall::OnMessage() {
  answered_ = true;
  connect_deadline_ = absl::Now() + context_.options.connect_timeout;
  if (message_.has_progress()) {
    if (staging()) NotePackage(message_.progress());
    if (context_.observer.progressed) {
      context_.observer.progressed(node_.name, message_.progress());
    }
  } else if (message_.has_report_envelope()) {
    result_.report_envelope = std::move(*message_.mutable_report_envelope());
  }
}

void NodeCall::NotePackage(const v1::Progress& progress) {
  if (!progress.has_package()) return;
  const auto there = [](const v1::PackageProgress& p) {
    return p.reused_bytes() + p.received_bytes();
  };
  v1::PackageProgress& kept = result_.packages[progress.name()];
  // What was published is looked at once more, of which these counts know nothing.
  if (there(progress.package()) < there(kept)) return;
  // Farther than any attempt before: a connection that is lost from now on is another one.
  if (there(progress.package()) > there(kept)) {
    attempts_left_ = std::max(context_.options.retries, 0);
    pause_ = kFirstStagingPause;
  }
  kept = progress.package();
}

NodeCall::Verdict NodeCall::OnFinished() {
  if (!NeverConnected()) maybe_sent_ = true;
  // A report is signed: it counts however the stream ended.
  if (!result_.report_envelope.empty()) {
    absl::StatusOr<v1::Report> report =
        CheckReport(result_.report_envelope, pinned_, context_.sent, node_.name);
    if (!report.ok()) return End(NodeState::kBadReport, report.status());
    return OnReport(*std::move(report));
  }
  if (IsLost(rpc_status_)) return OnLost(WhyLost(rpc_status_));
  if (rpc_status_.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED) {
    return End(NodeState::kUnreachable,
               absl::DeadlineExceededError(absl::StrCat(
                   "no report from ", node_.address, " within ",
                   absl::FormatDuration(context_.options.command_timeout), "; ", Aftermath())));
  }
  const bool busy = rpc_status_.error_code() == grpc::StatusCode::ABORTED;
  if (busy && rpc_status_.error_message().find(context_.sent.command.id()) != std::string::npos) {
    return OnBusyWithThis();
  }
  return End(NodeState::kRefused, ToAbsl(rpc_status_));
}

NodeCall::Verdict NodeCall::OnReport(v1::Report report) {
  // The executor ended, or lost an earlier connection of ours: what it has received is kept.
  if (staging() && report.outcome() == v1::OUTCOME_INTERRUPTED && MaySendAgain()) {
    --attempts_left_;
    result_.report_envelope.clear();
    return SendAgainAfterPause();
  }
  result_.report = std::move(report);
  return End(NodeState::kReported, absl::OkStatus());
}

bool NodeCall::MaySendAgain() const {
  const bool time_left = absl::Now() + pause_ < std::min(connect_deadline_, deadline_);
  return attempts_left_ > 0 && time_left && !context_.stop;
}

// The connection failed or was cut.
NodeCall::Verdict NodeCall::OnLost(const std::string& why) {
  // However long it was silent before the connection was lost: over one long resource (a copy of
  // terabytes) a node says nothing.
  if (!NeverConnected()) connect_deadline_ = absl::Now() + context_.options.connect_timeout;
  if (MaySendAgain()) {
    --attempts_left_;
    return SendAgainAfterPause();
  }
  const std::string what =
      maybe_sent_ ? absl::StrCat("lost the connection to ", node_.address, " (", why, "); ")
                  : absl::StrCat("cannot connect to ", node_.address, " (", why, "); ");
  return End(NodeState::kUnreachable, absl::UnavailableError(absl::StrCat(what, Aftermath())));
}

// An earlier attempt's connection was lost and the node is still at it: the report comes when that
// has finished, so asking again is waiting and uses up no retries.
NodeCall::Verdict NodeCall::OnBusyWithThis() {
  connect_deadline_ = absl::Now() + context_.options.connect_timeout;
  if (context_.stop || absl::Now() + pause_ >= deadline_) {
    return End(
        NodeState::kUnreachable,
        absl::UnavailableError(absl::StrCat(
            "the node still carries out this command after a lost connection; ", Aftermath())));
  }
  return SendAgainAfterPause();
}

NodeCall::Verdict NodeCall::SendAgainAfterPause() {
  phase_ = Phase::kPausing;
  exchange_.reset();
  alarm_.Set(&context_.queue, absl::ToChronoTime(absl::Now() + pause_), this);
  pause_ = std::min(pause_ * 2, kLongestPause);
  return Verdict::kSendAgain;
}

NodeCall::Verdict NodeCall::End(NodeState state, absl::Status status) {
  result_.state = state;
  result_.status = std::move(status);
  result_.elapsed = absl::Now() - started_;
  exchange_.reset();
  rpc_.reset();
  channel_.reset();
  return Verdict::kEnded;
}

// After a connection that was lost a channel is idle; it is in failure only when connecting failed.
bool NodeCall::NeverConnected() const {
  return !answered_ && rpc_status_.error_code() == grpc::StatusCode::UNAVAILABLE &&
         channel_->GetState(/*try_to_connect=*/false) == GRPC_CHANNEL_TRANSIENT_FAILURE;
}

std::string NodeCall::Aftermath() const {
  if (!maybe_sent_) {
    return "nothing was sent: check that bpa-gateway runs there, that its port is open, and that "
           "its certificate is of this cluster's CA and for this node";
  }
  if (context_.sent.command.mode() != v1::MODE_APPLY) {
    return "nothing is changed by this kind of command: run it again";
  }
  return absl::StrCat("the command may have run; sending it again is safe: bpactl apply --signed ",
                      context_.command_path);
}

}  // namespace bpa::controller
