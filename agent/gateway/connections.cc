#include "agent/gateway/connections.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <utility>

namespace bpa::gateway {
namespace {

// What tells one socket of this machine from all others, also from those to come.
std::optional<uint64_t> CookieOf(int fd) {
  uint64_t cookie = 0;
  socklen_t length = sizeof cookie;
  if (getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &length) != 0) return std::nullopt;
  return cookie;
}

// Shuts down the socket with this cookie, if `fd` still is it. On a duplicate: gRPC may close `fd`,
// and another thread get the number for something else, at any moment.
void ShutDown(int fd, uint64_t cookie) {
  const int same = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (same < 0) return;
  if (CookieOf(same) == cookie) shutdown(same, SHUT_RDWR);
  close(same);
}

}  // namespace

bool Connections::Admit(int fd, std::string peer) {
  const std::optional<uint64_t> cookie = CookieOf(fd);
  if (!cookie) return false;
  absl::MutexLock lock(&mutex_);
  ForgetClosed();
  // Those being shut down count too, up to as many again: closing them is left to gRPC, which may
  // be slower than the flood.
  if (connections_.size() >= 2 * max_) return false;
  if (CountKept() >= max_ && !EvictOldestStranger()) return false;
  connections_.push_back({.fd = fd, .cookie = *cookie, .peer = std::move(peer)});
  return true;
}

void Connections::MarkAuthorized(std::string_view peer) {
  absl::MutexLock lock(&mutex_);
  // From the youngest: an older entry of the same address would be a connection already closed.
  const auto found = std::find_if(connections_.rbegin(), connections_.rend(),
                                  [peer](const Connection& c) { return c.peer == peer; });
  if (found != connections_.rend()) found->authorized = true;
}

size_t Connections::Count() {
  absl::MutexLock lock(&mutex_);
  ForgetClosed();
  return CountKept();
}

void Connections::ForgetClosed() {
  connections_.remove_if([](const Connection& c) { return CookieOf(c.fd) != c.cookie; });
}

bool Connections::EvictOldestStranger() {
  const auto found = std::find_if(connections_.begin(), connections_.end(),
                                  [](const Connection& c) { return !c.authorized && !c.evicted; });
  if (found == connections_.end()) return false;
  ShutDown(found->fd, found->cookie);
  found->evicted = true;
  return true;
}

size_t Connections::CountKept() const {
  return static_cast<size_t>(std::count_if(connections_.begin(), connections_.end(),
                                           [](const Connection& c) { return !c.evicted; }));
}

}  // namespace bpa::gateway
