#include "agent/gateway/stage_call.h"

#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "agent/gateway/request.h"
#include "proto/envelope.h"

namespace bpa::gateway {
namespace {

// For the envelope, which the client has before it calls.
constexpr absl::Duration kFirstMessageTimeout = absl::Seconds(30);

absl::Status OutOfTurn() {
  return absl::InvalidArgumentError(
      "stage: after the envelope comes content, or the reason why there is none");
}

}  // namespace

void StageCall::Run() {
  const grpc::Status status =
      gateway::Serve("Stage", context_, shared_.peers, [this](RequestNotes& notes) {
        absl::Status s = Serve(notes);
        notes.bytes = request_bytes_;
        return s;
      });
  // Ends a Read that is under way, too.
  stream_.Finish(status, &finished_);
  finished_.Wait();
  if (conversation_ != nullptr) conversation_->Stop();
  if (sender_.joinable()) sender_.join();
  if (reading_) read_.Wait();
  gone_.Wait();
}

absl::Status StageCall::Serve(RequestNotes& notes) {
  if (absl::Status s = ReadEnvelope(); !s.ok()) return s;
  const RelaySlots::Slot slot(shared_.slots);
  if (absl::Status s = slot.status(); !s.ok()) return s;
  absl::StatusOr<std::string> report = Converse(notes);
  {
    const absl::MutexLock lock(&mutex_);
    if (!violation_.ok()) return violation_;
  }
  if (!report.ok()) return report.status();
  response_.set_report_envelope(*std::move(report));
  return Write() ? absl::OkStatus()
                 : absl::CancelledError("the client left before it had the report");
}

absl::Status StageCall::ReadEnvelope() {
  if (!Read(absl::Now() + kFirstMessageTimeout)) {
    return absl::DeadlineExceededError("stage: no envelope came");
  }
  if (!request_.has_envelope()) {
    return absl::InvalidArgumentError("stage: the first message is not the envelope");
  }
  return CheckEnvelope(request_.envelope());
}

absl::StatusOr<std::string> StageCall::Converse(RequestNotes& notes) {
  const absl::Time deadline = absl::FromChrono(context_.deadline());
  auto begun = shared_.relay.Begin(
      {.type = FrameType::kStage, .body = std::move(*request_.mutable_envelope())}, deadline);
  if (!begun.ok()) return begun.status();
  conversation_ = *std::move(begun);
  try {
    sender_ = std::thread([this] { SendContent(); });
  } catch (const std::system_error& error) {
    return absl::ResourceExhaustedError(absl::StrCat("no thread for the content: ", error.what()));
  }
  return conversation_->Receive({
      .deadline = deadline,
      .cancelled = [this] { return gone_.EndsBefore(absl::InfinitePast()); },
      .silence = shared_.silence,
      .on_progress =
          [this](const std::string& progress) {
            // Advisory: what cannot be read is left out, the report still counts.
            return !response_.mutable_progress()->ParseFromString(progress) || Write();
          },
      .on_want =
          [this](const std::string& want) {
            return response_.mutable_want()->ParseFromString(want) && Write();
          },
      .on_ended = [&](const std::string& ended) { return NoteEnded(ended, shared_.counts, notes); },
  });
}

bool StageCall::Read(absl::Time deadline) {
  if (!reading_) stream_.Read(&request_, &read_);
  reading_ = true;
  if (!read_.EndsBefore(deadline)) return false;
  reading_ = false;
  return read_.Wait();
}

bool StageCall::Write() {
  stream_.Write(response_, &written_);
  return written_.Wait();
}

// The sender's thread. Ends when the client does, or the executor: what that has to say comes the
// other way.
void StageCall::SendContent() {
  while (Read(absl::InfiniteFuture())) {
    absl::Status passed = PassOn();
    if (absl::IsUnavailable(passed)) return;
    if (!passed.ok()) {
      const absl::MutexLock lock(&mutex_);
      violation_ = std::move(passed);
      conversation_->Stop();
      return;
    }
  }
  conversation_->EndSending();
}

absl::Status StageCall::PassOn() {
  const bool content = request_.has_content();
  if (!content && !request_.has_abandoned()) return OutOfTurn();
  const FrameType type = content ? FrameType::kContent : FrameType::kAbandoned;
  const std::string& body = content ? request_.content() : request_.abandoned();
  if (!IsAllowedBody(type, body.size())) {
    return absl::InvalidArgumentError(absl::StrCat("stage: ", content ? "content" : "a reason",
                                                   " of ", body.size(), " bytes is not allowed"));
  }
  request_bytes_ += body.size();
  return conversation_->Send(type, body);
}

}  // namespace bpa::gateway
