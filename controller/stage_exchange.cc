#include <grpcpp/support/async_stream.h>

#include <algorithm>
#include <functional>
#include <string>
#include <utility>

#include "absl/time/clock.h"
#include "controller/exchange.h"
#include "proto/frame.h"

namespace bpa::controller {
namespace {

// An operation that is the exchange's own.
class OwnOperation final : public Operation {
 public:
  explicit OwnOperation(std::function<void(bool)> ended) : ended_(std::move(ended)) {}
  void Ended(bool ok) override { ended_(ok); }

 private:
  const std::function<void(bool)> ended_;
};

// `text` as a reason that may travel: valid UTF-8 is the writer's matter, its length is ours.
std::string Reason(absl::string_view text) {
  size_t end = std::min(text.size(), kMaxAbandonedBytes);
  while (end > 0 && end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) {
    --end;
  }
  return std::string(text.substr(0, end));
}

// Reads and writes at the same time, one of each. Writes one piece at a time: gRPC says that it is
// done when the connection has room for it, and until then nothing more is read from the source.
class StageExchange final : public Exchange {
 public:
  StageExchange(const ExchangeContext& context, ContentSupplier& content, RateLimit& limit)
      : context_(context), content_(content.Open()), limit_(limit) {}

  void Start(Operation* operation) override {
    caller_ = operation;
    stream_ = v1::AgentService::NewStub(context_.channel)
                  ->AsyncStage(&context_.rpc, &context_.queue, &started_);
  }

  void Read(v1::ExecuteResponse* message, Operation* operation) override {
    caller_ = operation;
    message_ = message;
    stream_->Read(&response_, &read_);
  }

  void Finish(grpc::Status* status, Operation* operation) override {
    caller_ = operation;
    status_ = status;
    // A write that is under way fails: the stream has ended.
    if (!writing_) stream_->Finish(status_, caller_);
  }

  void Pump() override {
    if (writing_ || ended_ || !asked_ || !limit_.Allows(absl::Now())) return;
    if (sent_ == piece_.size() && !NextPiece()) return;
    const size_t bytes = std::min(limit_.PieceBytes(piece_.size()), piece_.size() - sent_);
    if (sent_ == 0 && bytes == piece_.size()) {
      request_.set_content(std::move(piece_));
      piece_.clear();
    } else {
      request_.set_content(piece_.substr(sent_, bytes));
      sent_ += bytes;
    }
    limit_.Take(bytes);
    Write();
  }

  bool asked() const override { return asked_; }

 private:
  void OnStarted(bool ok) {
    if (ok) {
      request_.set_envelope(context_.request.envelope());
      Write();
    }
    caller_->Ended(ok);
  }

  void OnRead(bool ok) {
    if (ok && response_.has_want()) {
      OnWant();
      stream_->Read(&response_, &read_);
      return;
    }
    if (!ok) ended_ = true;
    if (response_.has_progress()) *message_->mutable_progress() = response_.progress();
    if (response_.has_report_envelope()) {
      ended_ = true;
      message_->set_report_envelope(std::move(*response_.mutable_report_envelope()));
    }
    caller_->Ended(ok);
  }

  void OnWant() {
    asked_ = true;
    if (ended_) return;
    absl::Status wanted = content_->Want(response_.want());
    if (wanted.ok()) {
      Pump();
    } else {
      Abandon(wanted);
    }
  }

  void OnWritten(bool ok) {
    writing_ = false;
    if (status_ != nullptr) {
      stream_->Finish(status_, caller_);
    } else if (!ok) {
      // Why is said by what is read.
      ended_ = true;
    } else if (!reason_.empty()) {
      request_.set_abandoned(std::exchange(reason_, ""));
      Write();
    } else {
      Pump();
    }
  }

  // False when there is nothing to send now.
  bool NextPiece() {
    if (content_->IsAhead()) return false;
    absl::StatusOr<std::string> piece = content_->Next();
    if (!piece.ok()) Abandon(piece.status());
    if (!piece.ok() || piece->empty()) return false;
    piece_ = *std::move(piece);
    sent_ = 0;
    return true;
  }

  // Once the node has what is being written.
  void Abandon(const absl::Status& why) {
    ended_ = true;
    reason_ = Reason(why.message());
    if (!writing_) OnWritten(true);
  }

  void Write() {
    writing_ = true;
    stream_->Write(request_, &written_);
  }

  const ExchangeContext context_;
  const std::unique_ptr<ContentStream> content_;
  RateLimit& limit_;
  std::unique_ptr<grpc::ClientAsyncReaderWriter<v1::StageRequest, v1::StageResponse>> stream_;
  OwnOperation started_{[this](bool ok) { OnStarted(ok); }};
  OwnOperation read_{[this](bool ok) { OnRead(ok); }};
  OwnOperation written_{[this](bool ok) { OnWritten(ok); }};

  // What the caller waits for.
  Operation* caller_ = nullptr;
  v1::ExecuteResponse* message_ = nullptr;
  grpc::Status* status_ = nullptr;

  v1::StageResponse response_;
  v1::StageRequest request_;
  bool writing_ = false;
  bool asked_ = false;
  bool ended_ = false;  // no more content
  std::string piece_;   // of which so much was sent:
  size_t sent_ = 0;
  std::string reason_;
};

}  // namespace

std::unique_ptr<Exchange> MakeStageExchange(const ExchangeContext& context,
                                            ContentSupplier& content, RateLimit& limit) {
  return std::make_unique<StageExchange>(context, content, limit);
}

}  // namespace bpa::controller
