#include "agent/gateway/connection_limiter.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "proto/trusted_file.h"

namespace bpa::gateway {
namespace {

constexpr int kBacklog = 64;
// How long to leave accept(2) alone when the process or the system is out of descriptors or memory.
constexpr int kExhaustedPauseMillis = 100;

struct AddressList {
  addrinfo* first = nullptr;
  ~AddressList() {
    if (first != nullptr) freeaddrinfo(first);
  }
};

absl::Status Resolve(const std::string& address, AddressList& out) {
  const size_t colon = address.rfind(':');
  std::string host = address.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE;
  hints.ai_socktype = SOCK_STREAM;
  if (colon == std::string::npos ||
      getaddrinfo(host.c_str(), address.substr(colon + 1).c_str(), &hints, &out.first) != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("gateway.listen: '", address,
                     "' is not a numeric address and port such as 0.0.0.0:7443 or [::]:7443"));
  }
  return absl::OkStatus();
}

absl::Status BindAndListen(int fd, const addrinfo& where, const std::string& address) {
  const int on = 1;
  if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      // Inherited by what is accepted, as on the sockets that gRPC makes itself.
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0) {
    return ErrnoStatus(errno, "setsockopt", address);
  }
  if (bind(fd, where.ai_addr, where.ai_addrlen) != 0) return ErrnoStatus(errno, "bind", address);
  if (listen(fd, kBacklog) != 0) return ErrnoStatus(errno, "listen", address);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<ConnectionLimiter>> ConnectionLimiter::Listen(
    const std::string& address, int max_connections) {
  AddressList addresses;
  if (absl::Status s = Resolve(address, addresses); !s.ok()) return s;
  int listener =
      socket(addresses.first->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);
  if (listener < 0) return ErrnoStatus(errno, "socket", address);
  auto close_listener = absl::MakeCleanup([listener] { close(listener); });
  if (absl::Status s = BindAndListen(listener, *addresses.first, address); !s.ok()) return s;
  const int stop = eventfd(0, EFD_CLOEXEC);
  if (stop < 0) return ErrnoStatus(errno, "eventfd", address);
  std::move(close_listener).Cancel();
  return std::unique_ptr<ConnectionLimiter>(new ConnectionLimiter(listener, stop, max_connections));
}

ConnectionLimiter::ConnectionLimiter(int listener, int stop, int max_connections)
    : listener_(listener), stop_(stop), max_connections_(static_cast<size_t>(max_connections)) {}

ConnectionLimiter::~ConnectionLimiter() {
  Stop();
  for (const int fd : connections_) close(fd);
  close(listener_);
  close(stop_);
}

int ConnectionLimiter::port() const {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) return 0;
  return ntohs(address.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6&>(address).sin6_port
                                             : reinterpret_cast<sockaddr_in&>(address).sin_port);
}

void ConnectionLimiter::Start(
    std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> acceptor) {
  acceptor_ = std::move(acceptor);
  thread_ = std::thread([this] { Loop(); });
}

void ConnectionLimiter::Stop() {
  if (!thread_.joinable()) return;
  const uint64_t one = 1;
  (void)!write(stop_, &one, sizeof one);
  thread_.join();
}

void ConnectionLimiter::Loop() {
  while (true) {
    std::vector<pollfd> waited;
    waited.push_back({.fd = stop_, .events = POLLIN, .revents = 0});
    waited.push_back({.fd = listener_, .events = POLLIN, .revents = 0});
    // POLLHUP and POLLERR come without being asked for; data is gRPC's business.
    for (const int fd : connections_) waited.push_back({.fd = fd, .events = 0, .revents = 0});
    if (poll(waited.data(), waited.size(), -1) < 0) continue;
    if (waited[0].revents != 0) return;
    connections_.clear();
    for (size_t i = 2; i < waited.size(); ++i) {
      if (waited[i].revents != 0) {
        close(waited[i].fd);
      } else {
        connections_.push_back(waited[i].fd);
      }
    }
    if (waited[1].revents != 0) AcceptOne();
  }
}

void ConnectionLimiter::AcceptOne() {
  const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd < 0) {
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      pollfd stop{.fd = stop_, .events = POLLIN, .revents = 0};
      (void)poll(&stop, 1, kExhaustedPauseMillis);
    }
    return;
  }
  const int watch = connections_.size() < max_connections_ ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;
  if (watch < 0) {
    close(fd);
    return;
  }
  connections_.push_back(watch);
  grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters connection;
  connection.listener_fd = listener_;
  connection.fd = fd;
  acceptor_->HandleNewConnection(&connection);
}

}  // namespace bpa::gateway
