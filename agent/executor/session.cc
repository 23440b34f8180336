#include "agent/executor/session.h"

#include <sys/socket.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
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

absl::StatusOr<std::string> Answer(const Frame& request, RequestHandler& handler,
                                   const ProgressSink& progress, RequestSummary& summary) {
  switch (request.type) {
    case FrameType::kExecute:
      return handler.Execute(request.body, progress, summary);
    case FrameType::kGetReport:
      return handler.GetReport(request.body, summary);
    case FrameType::kProgress:
    case FrameType::kReport:
    case FrameType::kError:
      break;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("frame type ", static_cast<int>(request.type), " is not a request"));
}

}  // namespace

absl::Status ServeSession(int socket, uid_t gateway, RequestHandler& handler,
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
  absl::Status peer_hears;
  const ProgressSink progress = [&](const v1::Progress& event) {
    // After a failed write the stream may end within a frame: nothing may follow.
    if (!peer_hears.ok()) return;
    peer_hears =
        WriteFrame(socket, {.type = FrameType::kProgress, .body = event.SerializeAsString()},
                   absl::Now() + limits.progress);
  };
  absl::StatusOr<std::string> report = Answer(*request, handler, progress, summary);
  if (!peer_hears.ok()) return peer_hears;
  const absl::Time deadline = absl::Now() + limits.answer;
  if (report.ok()) return WriteFrame(socket, {FrameType::kReport, *std::move(report)}, deadline);
  if (absl::Status sent = SendRefusal(socket, report.status(), deadline); !sent.ok()) return sent;
  return report.status();
}

void RefuseSession(int socket, const absl::Status& reason) {
  // An error frame fits into any socket's buffer; a peer that does not make room is not told.
  (void)SendRefusal(socket, reason, absl::Now());
  shutdown(socket, SHUT_WR);
  TakeUnread(socket);
}

}  // namespace bpa::executor
