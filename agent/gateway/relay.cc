#include "agent/gateway/relay.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "proto/trusted_file.h"

namespace bpa::gateway {
namespace {

constexpr absl::Duration kCancelCheckInterval = absl::Seconds(1);

absl::Status Unreachable(const std::string& path, absl::string_view why) {
  return absl::UnavailableError(
      absl::StrCat("the executor cannot be reached at ", path, ": ", why,
                   ": look at `systemctl status bpa-executor.socket bpa-executor.service`"));
}

absl::StatusOr<int> Connect(const std::string& path) {
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  if (path.size() >= sizeof address.sun_path) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": longer than a UNIX socket's path can be"));
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return ErrnoStatus(errno, "socket", path);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    const int error = errno;
    close(fd);
    return Unreachable(path, ErrnoStatus(error, "connect", path).message());
  }
  return fd;
}

// Returns when a frame can be read.
absl::Status AwaitFrame(int fd, const std::function<bool()>& cancelled, absl::Time deadline) {
  while (true) {
    const absl::Duration left = deadline - absl::Now();
    if (left <= absl::ZeroDuration()) {
      return absl::DeadlineExceededError(
          "the command is still running on the node: ask for its report later, or send the same "
          "command again to wait for it");
    }
    if (cancelled()) return absl::CancelledError("the client went away");
    pollfd waited{.fd = fd, .events = POLLIN, .revents = 0};
    const absl::Duration nap =
        std::min(absl::Ceil(left, absl::Milliseconds(1)), kCancelCheckInterval);
    const int ready = poll(&waited, 1, static_cast<int>(absl::ToInt64Milliseconds(nap)));
    if (ready > 0) return absl::OkStatus();
    if (ready < 0 && errno != EINTR) return ErrnoStatus(errno, "poll", "executor socket");
  }
}

}  // namespace

Relay::Relay(std::string socket_path) : socket_path_(std::move(socket_path)) {}

absl::StatusOr<std::string> Relay::Call(const Frame& request,
                                        const std::function<bool(std::string_view)>& progressed,
                                        const std::function<bool()>& cancelled,
                                        absl::Time deadline) const {
  const absl::StatusOr<int> fd = Connect(socket_path_);
  if (!fd.ok()) return fd.status();
  const auto close_socket = absl::MakeCleanup([&fd] { close(*fd); });
  // A refusal may be written, and the connection closed, before the executor has read all of an
  // oversized or unwelcome request: what it said counts more than that the write failed.
  const absl::Status written = WriteFrame(*fd, request, deadline);
  if (written.code() == absl::StatusCode::kDeadlineExceeded) return written;
  while (true) {
    if (absl::Status s = AwaitFrame(*fd, cancelled, deadline); !s.ok()) return s;
    absl::StatusOr<Frame> frame = ReadFrame(*fd, deadline);
    if (!frame.ok()) return Unreachable(socket_path_, frame.status().message());
    switch (frame->type) {
      case FrameType::kProgress:
        if (!progressed(frame->body)) return absl::CancelledError("the client went away");
        continue;
      case FrameType::kReport:
        return std::move(frame->body);
      case FrameType::kError: {
        absl::Status refusal;
        const absl::Status decoded = DecodeError(frame->body, &refusal);
        return decoded.ok() ? refusal : Unreachable(socket_path_, decoded.message());
      }
      case FrameType::kExecute:
      case FrameType::kGetReport:
        return Unreachable(socket_path_, "it answered with a request: another program listens");
    }
  }
}

bool Relay::SocketExists() const {
  struct stat info;
  return stat(socket_path_.c_str(), &info) == 0 && S_ISSOCK(info.st_mode);
}

}  // namespace bpa::gateway
