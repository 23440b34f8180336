#include "agent/gateway/conversation.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "proto/trusted_file.h"

namespace bpa::gateway {
namespace {

// How late a cancellation may be noticed. Only while a request is under way: an idle gateway
// sleeps. gRPC's synchronous server has no way to be woken by it.
constexpr absl::Duration kCancelSlice = absl::Milliseconds(200);

absl::Status Cancelled() {
  return absl::CancelledError(
      "the client left, or the gateway is stopping; the executor finishes what it has accepted: "
      "ask "
      "for the report by the command's id");
}

// Returns once `fd` can be read.
absl::Status AwaitReadable(int fd, absl::Time deadline, const RelayOptions& options) {
  while (true) {
    if (options.cancelled && options.cancelled()) return Cancelled();
    const absl::Duration left = deadline - absl::Now();
    if (left <= absl::ZeroDuration()) {
      return absl::DeadlineExceededError(absl::StrCat("no report in time; ", kMayHaveRun));
    }
    pollfd waited{.fd = fd, .events = POLLIN, .revents = 0};
    const absl::Duration slice = absl::Ceil(std::min(left, kCancelSlice), absl::Milliseconds(1));
    const int ready = poll(&waited, 1, static_cast<int>(absl::ToInt64Milliseconds(slice)));
    if (ready > 0) return absl::OkStatus();
    if (ready < 0 && errno != EINTR) return ErrnoStatus(errno, "poll", "executor socket");
  }
}

// What takes a frame of this type, or null where none is expected.
const std::function<bool(const std::string&)>* Taker(FrameType type, const RelayOptions& options) {
  const auto* taker = type == FrameType::kProgress ? &options.on_progress
                      : type == FrameType::kWant   ? &options.on_want
                      : type == FrameType::kEnded  ? &options.on_ended
                      : type == FrameType::kAudit  ? &options.on_audit
                                                   : nullptr;
  return taker != nullptr && *taker ? taker : nullptr;
}

}  // namespace

Conversation::Conversation(int fd, FrameType request, Traffic& traffic)
    : fd_(fd), request_(request), traffic_(traffic), began_(absl::Now()) {
  if (request_ == FrameType::kStage) traffic_.StagingBegan();
}

Conversation::~Conversation() {
  close(fd_);
  if (request_ == FrameType::kStage) traffic_.StagingEnded(absl::Now() - began_);
  if (request_ == FrameType::kStage || request_ == FrameType::kExecute) traffic_.CommandLeft();
}

absl::StatusOr<std::string> Conversation::Receive(const RelayOptions& options) const {
  while (true) {
    const absl::Time deadline = std::min(options.deadline, absl::Now() + options.silence);
    if (absl::Status s = AwaitReadable(fd_, deadline, options); !s.ok()) return s;
    absl::StatusOr<Frame> frame = ReadFrame(fd_, deadline);
    if (!frame.ok()) return ExplainToClient(frame.status());
    if (frame->type == options.answer) return std::move(frame->body);
    if (frame->type == FrameType::kError) {
      absl::Status said;
      const absl::Status decoded = DecodeError(frame->body, &said);
      return decoded.ok() ? said : ExplainToClient(decoded);
    }
    const auto* taker = Taker(frame->type, options);
    if (taker == nullptr) {
      return ExplainToClient(absl::InvalidArgumentError(absl::StrCat(
          "a frame of type ", static_cast<int>(frame->type), " that is no answer to the request")));
    }
    if (!(*taker)(frame->body)) return Cancelled();
  }
}

absl::Status Conversation::Send(FrameType type, std::string_view body) const {
  absl::Status written = WriteFrame(fd_, type, body, absl::InfiniteFuture());
  if (written.ok() && type == FrameType::kContent) traffic_.CountContent(body.size());
  return written;
}

void Conversation::EndSending() const { shutdown(fd_, SHUT_WR); }

void Conversation::Stop() const { shutdown(fd_, SHUT_RDWR); }

}  // namespace bpa::gateway
