#include "agent/executor/package/socket_content.h"

#include <sys/socket.h>

#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace bpa::executor {
namespace {

constexpr char kGoOn[] = "what has come is kept, and the same command sent again goes on with it";

// A socket's error in the words of what is being done.
absl::Status Explain(const absl::Status& status) {
  if (absl::IsUnavailable(status)) {
    return absl::UnavailableError(
        absl::StrCat("the connection to bpactl ended before all content had come: ", kGoOn));
  }
  if (absl::IsDeadlineExceeded(status)) {
    return absl::DeadlineExceededError(
        absl::StrCat("no content came for too long, though it was asked for: ", kGoOn));
  }
  return status;
}

}  // namespace

absl::Status SocketContent::Want(const v1::Want& want) {
  if (!ended_.ok()) return ended_;
  if (!wanted_) ended_ = CheckNothingCame();
  wanted_ = true;
  if (!ended_.ok()) return ended_;
  const std::string body = want.SerializeAsString();
  if (body.size() > kMaxFrameBodyBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("a want of ", body.size(), " bytes does not fit into a frame"));
  }
  return ended_ = Explain(sink_.Write(FrameType::kWant, body, limits_.want));
}

absl::StatusOr<std::string> SocketContent::Read() {
  if (!ended_.ok()) return ended_;
  if (!wanted_) return absl::FailedPreconditionError("content is read before it was asked for");
  absl::StatusOr<std::string> content = ReadContent();
  ended_ = content.status();
  return content;
}

absl::StatusOr<std::string> SocketContent::ReadContent() {
  absl::StatusOr<Frame> frame = ReadFrame(socket_, absl::Now() + limits_.silence);
  if (!frame.ok()) return Explain(frame.status());
  if (frame->type == FrameType::kContent) return std::move(frame->body);
  if (frame->type == FrameType::kAbandoned) {
    return absl::AbortedError(
        absl::StrCat("bpactl cannot send the rest: ", absl::Utf8SafeCEscape(frame->body)));
  }
  return absl::InvalidArgumentError(
      absl::StrCat("a frame of type ", static_cast<int>(frame->type), " came instead of content"));
}

// Content that nobody asked for is not read, let alone written.
absl::Status SocketContent::CheckNothingCame() const {
  char byte;
  if (recv(socket_, &byte, 1, MSG_PEEK | MSG_DONTWAIT) <= 0) return absl::OkStatus();
  return absl::InvalidArgumentError("content came before it was asked for");
}

}  // namespace bpa::executor
