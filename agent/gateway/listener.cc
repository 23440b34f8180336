#include "agent/gateway/listener.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "proto/trusted_file.h"

namespace bpa::gateway {
namespace {

constexpr int kBacklog = 128;
constexpr absl::Duration kPauseWithoutDescriptors = absl::Milliseconds(100);

// What failed, for the messages of Open.
struct Attempt {
  const SocketAddress& address;
  const char* setting;

  absl::Status Failed(int error, const char* syscall) const {
    return absl::UnavailableError(
        absl::StrCat(ErrnoStatus(error, syscall, PeerUri(address)).message(),
                     "; is another gateway running, or ", setting,
                     " in agent.yaml not an address of this machine?"));
  }
};

int Millis(absl::Duration duration) {
  if (duration == absl::InfiniteDuration()) return -1;
  const int64_t millis = absl::ToInt64Milliseconds(absl::Ceil(duration, absl::Milliseconds(1)));
  return static_cast<int>(std::clamp<int64_t>(millis, 0, INT_MAX));
}

enum class Accepted { kOne, kNone, kNoDescriptors };

Accepted AcceptOne(int listener, const std::function<void(int, std::string)>& take) {
  SocketAddress peer{.length = sizeof(sockaddr_storage)};
  const int fd = accept4(listener, peer.get(), &peer.length, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd >= 0) {
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    take(fd, PeerUri(peer));
    return Accepted::kOne;
  }
  const bool scarce = errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM;
  return scarce ? Accepted::kNoDescriptors : Accepted::kNone;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Listener>> Listener::Open(const SocketAddress& address,
                                                         const char* setting) {
  const Attempt attempt{address, setting};
  const int fd = socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return attempt.Failed(errno, "socket");
  auto close_fd = absl::MakeCleanup([fd] { close(fd); });
  const int on = 1;
  const int off = 0;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (address.storage.ss_family == AF_INET6) {
    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  }
  if (bind(fd, address.get(), address.length) != 0) return attempt.Failed(errno, "bind");
  if (listen(fd, kBacklog) != 0) return attempt.Failed(errno, "listen");
  SocketAddress bound{.length = sizeof(sockaddr_storage)};
  if (getsockname(fd, bound.get(), &bound.length) != 0) {
    return attempt.Failed(errno, "getsockname");
  }
  std::move(close_fd).Cancel();
  return std::unique_ptr<Listener>(new Listener(fd, bound.port()));
}

Listener::~Listener() { close(fd_); }

absl::Status Listener::AcceptUntil(int stop_fd, absl::Duration interval,
                                   const std::function<void()>& beat,
                                   const std::function<void(int, std::string)>& take) {
  absl::Time next_beat = absl::Now() + interval;
  while (true) {
    pollfd waited[] = {{.fd = stop_fd, .events = POLLIN, .revents = 0},
                       {.fd = fd_, .events = POLLIN, .revents = 0}};
    if (poll(waited, 2, Millis(next_beat - absl::Now())) < 0 && errno != EINTR) {
      return ErrnoStatus(errno, "poll", "listening socket");
    }
    if (waited[0].revents != 0) return absl::OkStatus();
    if (waited[1].revents != 0 && AcceptOne(fd_, take) == Accepted::kNoDescriptors) {
      // The connection stays in the queue; without a pause this would spin.
      poll(waited, 1, Millis(kPauseWithoutDescriptors));
    }
    if (absl::Now() >= next_beat) {
      beat();
      next_beat = absl::Now() + interval;
    }
  }
}

}  // namespace bpa::gateway
