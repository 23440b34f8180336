#include "agent/executor/session.h"

#include <sys/socket.h>

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "agent/executor/frame_sink.h"
#include "agent/executor/package/socket_content.h"
#include "agent/executor/peer_check.h"
#include "proto/frame.h"

namespace bpa::executor {
namespace {

// Closing a UNIX socket with unread bytes resets it, and a peer that is still writing would see the
// reset and not the answer. So take what has come, up to the longest frame.
void TakeUnread(int socket) {
  char buffer[16 * 1024];
  size_t taken = 0;
  while (taken < kFrameHeaderBytes + kMaxFrameBodyBytes) {
    const ssize_t got = recv(socket, buffer, sizeof buffer, MSG_DONTWAIT);
    if (got <= 0) return;
    taken += static_cast<size_t>(got);
  }
}

absl::Status SendRefusal(int socket, const absl::Status& reason, absl::Time deadline) {
  return WriteFrame(socket, {.type = FrameType::kError, .body = EncodeError(reason)}, deadline);
}

// What a request may use while it is answered.
struct Conversation {
  const ProgressSink progress;
  const AuditSink pages;
  SocketContent content;
};

absl::StatusOr<Frame> AsFrame(FrameType type, absl::StatusOr<std::string> body) {
  if (!body.ok()) return body.status();
  return Frame{.type = type, .body = *std::move(body)};
}

absl::StatusOr<Frame> AsDone(const absl::Status& status) {
  if (!status.ok()) return status;
  return Frame{.type = FrameType::kDone, .body = ""};
}

// The frame that ends the conversation.
absl::StatusOr<Frame> Answer(const Frame& request, const Handlers& handlers,
                             Conversation& conversation, RequestSummary& summary) {
  RequestHandler& commands = handlers.commands;
  IdentityHandler& identity = handlers.identity;
  switch (request.type) {
    case FrameType::kExecute:
      return AsFrame(FrameType::kReport,
                     commands.Execute(request.body, nullptr, conversation.progress, summary));
    case FrameType::kStage:
      return AsFrame(FrameType::kReport, commands.Execute(request.body, &conversation.content,
                                                          conversation.progress, summary));
    case FrameType::kGetReport:
      return AsFrame(FrameType::kReport, commands.GetReport(request.body, summary));
    case FrameType::kGetAudit: {
      const absl::StatusOr<AuditRequest> wanted = DecodeAuditRequest(request.body);
      if (!wanted.ok()) return wanted.status();
      return AsFrame(FrameType::kReport, commands.GetAudit(*wanted, conversation.pages, summary));
    }
    case FrameType::kObserve:
      summary.only_looked = true;
      return AsFrame(FrameType::kStatus, commands.Observe(summary));
    case FrameType::kBeginEnrollment:
      summary.answer = "enrolment offered";
      return AsFrame(FrameType::kOffer, identity.BeginEnrollment(request.body));
    case FrameType::kCompleteEnrollment:
      summary.answer = "enrolled";
      return AsDone(identity.CompleteEnrollment(request.body));
    case FrameType::kInstallCertificate:
      summary.answer = "certificate installed";
      return AsDone(identity.InstallCertificate(request.body, summary));
    case FrameType::kContent:
    case FrameType::kAbandoned:
    case FrameType::kProgress:
    case FrameType::kReport:
    case FrameType::kError:
    case FrameType::kWant:
    case FrameType::kEnded:
    case FrameType::kStatus:
    case FrameType::kAudit:
    case FrameType::kOffer:
    case FrameType::kDone:
      break;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("frame type ", static_cast<int>(request.type), " is not a request"));
}

}  // namespace

absl::Status ServeSession(int socket, uid_t gateway, const Handlers& handlers,
                          const SessionLimits& limits, RequestSummary& summary) {
  if (absl::Status peer = CheckPeer(socket, gateway); !peer.ok()) {
    RefuseSession(socket, peer);
    return peer;
  }
  absl::StatusOr<Frame> request = ReadFrame(socket, absl::Now() + limits.read);
  if (!request.ok()) {
    RefuseSession(socket, request.status());
    return request.status();
  }
  FrameSink sink(socket);
  Conversation conversation{
      .progress =
          [&](const v1::Progress& event) {
            (void)sink.Write(FrameType::kProgress, event.SerializeAsString(), limits.progress);
          },
      .pages =
          [&](const v1::AuditPage& page) {
            return sink.Write(FrameType::kAudit, page.SerializeAsString(), limits.answer);
          },
      .content = SocketContent(socket, sink, limits.content)};
  const absl::StatusOr<Frame> answer = Answer(*request, handlers, conversation, summary);
  if (summary.ended) {
    (void)sink.Write(FrameType::kEnded, summary.ended->SerializeAsString(), limits.answer);
  }
  const absl::Status told =
      answer.ok() ? sink.Write(answer->type, answer->body, limits.answer)
                  : sink.Write(FrameType::kError, EncodeError(answer.status()), limits.answer);
  // Content may still be on its way: wanted, but of no use any more.
  if (request->type == FrameType::kStage) TakeUnread(socket);
  return told.ok() ? answer.status() : told;
}

void RefuseSession(int socket, const absl::Status& reason) {
  // An error frame fits into any socket's buffer; a peer that does not make room is not told.
  (void)SendRefusal(socket, reason, absl::Now());
  shutdown(socket, SHUT_WR);
  TakeUnread(socket);
}

}  // namespace bpa::executor
