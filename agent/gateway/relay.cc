#include "agent/gateway/relay.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "agent/gateway/conversation.h"
#include "proto/trusted_file.h"

namespace bpa::gateway {
namespace {

// The executor reads a request at once; one that does not is stuck.
constexpr absl::Duration kWriteTimeout = absl::Seconds(30);

}  // namespace

bool Relay::ExecutorSocketExists() const {
  struct stat info;
  return stat(socket_path_.c_str(), &info) == 0 && S_ISSOCK(info.st_mode);
}

absl::StatusOr<std::string> Relay::Run(const Frame& request, const RelayOptions& options) const {
  const auto conversation = Begin(request, options.deadline);
  if (!conversation.ok()) return conversation.status();
  return (*conversation)->Receive(options);
}

absl::StatusOr<std::unique_ptr<Conversation>> Relay::Begin(const Frame& request,
                                                           absl::Time deadline) const {
  const absl::StatusOr<int> fd = Connect();
  traffic_.Reached(fd.ok());
  if (!fd.ok()) return fd.status();
  auto conversation = std::make_unique<Conversation>(*fd, request.type, traffic_);
  const absl::Status written =
      WriteFrame(*fd, request, std::min(deadline, absl::Now() + kWriteTimeout));
  // An executor that refuses without reading everything has said why before it closed: read on.
  if (!written.ok() && !absl::IsUnavailable(written)) return ExplainToClient(written);
  return conversation;
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

absl::Status ExplainToClient(const absl::Status& status) {
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
