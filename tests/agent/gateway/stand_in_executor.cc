#include "tests/agent/gateway/stand_in_executor.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <utility>

#include "absl/time/clock.h"

namespace bpa::gateway {

StandInExecutor::StandInExecutor(const std::string& path, Handler handler, bool reads_request)
    : handler_(std::move(handler)),
      reads_request_(reads_request),
      listener_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  if (bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      listen(listener_, 16) != 0) {
    std::abort();
  }
  acceptor_ = std::thread([this] { Accept(); });
}

StandInExecutor::~StandInExecutor() {
  shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  for (std::thread& handler : handlers_) handler.join();
  close(listener_);
}

void StandInExecutor::Accept() {
  while (true) {
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) return;
    ++connections_;
    handlers_.emplace_back([this, fd] { HandleOne(fd); });
  }
}

void StandInExecutor::HandleOne(int fd) {
  Frame request{.type = FrameType::kExecute, .body = ""};
  if (reads_request_) {
    auto read = ReadFrame(fd, absl::Now() + absl::Seconds(10));
    if (read.ok()) request = *std::move(read);
  }
  handler_(fd, request);
  close(fd);
}

void Send(int fd, FrameType type, const std::string& body) {
  (void)WriteFrame(fd, {.type = type, .body = body}, absl::Now() + absl::Seconds(10));
}

void AwaitClose(int fd) {
  pollfd waited{.fd = fd, .events = POLLRDHUP, .revents = 0};
  (void)poll(&waited, 1, 30'000);
}

}  // namespace bpa::gateway
