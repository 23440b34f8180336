#include "controller/node_call.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace bpa::controller {
namespace {

constexpr absl::Duration kFirstPause = absl::Milliseconds(100);
constexpr absl::Duration kLongestPause = absl::Seconds(2);

absl::Status ToAbsl(const grpc::Status& status) {
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
}

// A stream that was cut, as opposed to an answer. INTERNAL is what gRPC makes of some HTTP/2
// resets.
bool IsLost(const grpc::Status& status) {
  const grpc::StatusCode code = status.error_code();
  if (code == grpc::StatusCode::INTERNAL) {
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
      pause_(kFirstPause),
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
  reader_.reset();
  rpc_ = std::make_unique<grpc::ClientContext>();
  rpc_->set_deadline(absl::ToChronoTime(deadline_));
  channel_ = context_.dialer.Dial(node_, connect_deadline_ - absl::Now());
  answered_ = false;
  stage_ = Stage::kConnecting;
  reader_ = v1::AgentService::NewStub(channel_)->AsyncExecute(rpc_.get(), context_.request,
                                                              &context_.queue, this);
}

bool NodeCall::OnEvent(bool ok) {
  switch (stage_) {
    case Stage::kConnecting:
      // Not `ok` is said again, with its reason, by Finish.
      stage_ = Stage::kReading;
      reader_->Read(&message_, this);
      return false;
    case Stage::kReading:
      if (ok) {
        OnMessage();
        reader_->Read(&message_, this);
      } else {
        stage_ = Stage::kFinishing;
        reader_->Finish(&rpc_status_, this);
      }
      return false;
    case Stage::kFinishing:
      return OnFinished() == Verdict::kEnded;
    case Stage::kPausing:
      StartAttempt();
      return false;
  }
  return false;
}

void NodeCall::OnMessage() {
  answered_ = true;
  connect_deadline_ = absl::Now() + context_.options.connect_timeout;
  if (message_.has_progress() && context_.observer.progressed) {
    context_.observer.progressed(node_.name, message_.progress());
  } else if (message_.has_report_envelope()) {
    result_.report_envelope = std::move(*message_.mutable_report_envelope());
  }
}

NodeCall::Verdict NodeCall::OnFinished() {
  if (!NeverConnected()) maybe_sent_ = true;
  // A report is signed: it counts however the stream ended.
  if (!result_.report_envelope.empty()) {
    absl::StatusOr<v1::Report> report =
        CheckReport(result_.report_envelope, pinned_, context_.sent, node_.name);
    if (!report.ok()) return End(NodeState::kBadReport, report.status());
    result_.report = *std::move(report);
    return End(NodeState::kReported, absl::OkStatus());
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

// The connection failed or was cut.
NodeCall::Verdict NodeCall::OnLost(const std::string& why) {
  const bool time_left = absl::Now() + pause_ < std::min(connect_deadline_, deadline_);
  if (attempts_left_ > 0 && time_left && !context_.stop) {
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
  stage_ = Stage::kPausing;
  alarm_.Set(&context_.queue, absl::ToChronoTime(absl::Now() + pause_), this);
  pause_ = std::min(pause_ * 2, kLongestPause);
  return Verdict::kSendAgain;
}

NodeCall::Verdict NodeCall::End(NodeState state, absl::Status status) {
  result_.state = state;
  result_.status = std::move(status);
  result_.elapsed = absl::Now() - started_;
  reader_.reset();
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
