#include "agent/gateway/relay.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "proto/trusted_file.h"

namespace bpa::gateway {
namespace {

// The executor reads a request at once; one that does not is stuck.
constexpr absl::Duration kWriteTimeout = absl::Seconds(30);
// How late a cancellation may be noticed. Only while a request is under way: an idle gateway
// sleeps. gRPC's synchronous server has no way to be woken by it.
constexpr absl::Duration kCancelSlice = absl::Milliseconds(200);

constexpr char kMayHaveRun[] =
    "the command may or may not have been carried out: send the same command again";

absl::Status Cancelled() {
  return absl::CancelledError(
      "the client left, or the gateway is stopping; the executor finishes what it has accepted: "
      "ask "
      "for the report by the command's id");
}

// Returns once `fd` can be read.
absl::Status AwaitReadable(int fd, const RelayOptions& options) {
  while (true) {
    if (options.cancelled && options.cancelled()) return Cancelled();
    const absl::Duration left = options.deadline - absl::Now();
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

}  // namespace

bool Relay::ExecutorSocketExists() const {
  struct stat info;
  return stat(socket_path_.c_str(), &info) == 0 && S_ISSOCK(info.st_mode);
}

absl::StatusOr<std::string> Relay::Run(const Frame& request, const RelayOptions& options) const {
  const absl::StatusOr<int> fd = Connect();
  if (!fd.ok()) return fd.status();
  const auto close_fd = absl::MakeCleanup([fd = *fd] { close(fd); });
  const absl::Status written =
      WriteFrame(*fd, request, std::min(options.deadline, absl::Now() + kWriteTimeout));
  // An executor that refuses without reading everything has said why before it closed: read on.
  if (!written.ok() && !absl::IsUnavailable(written)) return Explain(written);
  return Receive(*fd, options);
}

absl::StatusOr<int> Relay::Connect() const {
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  if (socket_path_.size() >= sizeof address.sun_path) {
    return absl::InternalError(absl::StrCat(socket_path_, ": longer than a socket's path may be"));
  }
  socket_path_.copy(address.sun_path, socket_path_.size());
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return ErrnoStatus(errno, "socket", "AF_UNIX");
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return fd;
  const int error = errno;
  close(fd);
  if (error == EAGAIN) {
    return absl::UnavailableError(
        absl::StrCat(socket_path_, ": the executor has a queue full of requests: try again"));
  }
  std::string advice = "is bpa-executor.socket active? See systemctl status bpa-executor.socket";
  if (error == EACCES || error == EPERM) {
    advice =
        "the gateway's user may not connect: see SocketUser= and SocketMode= in "
        "bpa-executor.socket";
  }
  return absl::UnavailableError(
      absl::StrCat(ErrnoStatus(error, "connect", socket_path_).message(), "; ", advice));
}

absl::StatusOr<std::string> Relay::Receive(int fd, const RelayOptions& options) const {
  while (true) {
    if (absl::Status s = AwaitReadable(fd, options); !s.ok()) return s;
    absl::StatusOr<Frame> frame = ReadFrame(fd, options.deadline);
    if (!frame.ok()) return Explain(frame.status());
    if (frame->type == FrameType::kReport) return std::move(frame->body);
    if (frame->type == FrameType::kError) {
      absl::Status said;
      const absl::Status decoded = DecodeError(frame->body, &said);
      return decoded.ok() ? said : Explain(decoded);
    }
    if (frame->type != FrameType::kProgress || !options.on_progress) {
      return Explain(absl::InvalidArgumentError(absl::StrCat(
          "a frame of type ", static_cast<int>(frame->type), " that is no answer to the request")));
    }
    if (!options.on_progress(frame->body)) return Cancelled();
  }
}

absl::Status Relay::Explain(const absl::Status& status) const {
  if (absl::IsDeadlineExceeded(status)) {
    return absl::DeadlineExceededError(
        absl::StrCat("executor: ", status.message(), "; ", kMayHaveRun));
  }
  if (absl::IsInvalidArgument(status)) {
    return absl::InternalError(absl::StrCat("executor sent ", status.message(),
                                            "; gateway and executor must be of one release"));
  }
  return absl::UnavailableError(absl::StrCat("executor: ", status.message(), "; ", kMayHaveRun,
                                             ". On the node: journalctl -u bpa-executor"));
}

}  // namespace bpa::gateway
