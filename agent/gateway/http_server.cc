#include "agent/gateway/http_server.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "agent/gateway/http_request.h"

namespace bpa::gateway {
namespace {

// For a peer to see the end of the response, and for us to see its own.
constexpr absl::Duration kEndTimeout = absl::Seconds(1);
constexpr absl::Duration kPauseWithoutDescriptors = absl::Milliseconds(100);
constexpr int kAcceptsAtOnce = 16;

const char* ReasonOf(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    default:
      return "Service Unavailable";
  }
}

std::string Render(const HttpResponse& response, bool with_body) {
  return absl::StrCat("HTTP/1.1 ", response.status, " ", ReasonOf(response.status),
                      "\r\nContent-Type: ", response.content_type,
                      "\r\nContent-Length: ", response.body.size(),
                      response.status == 405 ? "\r\nAllow: GET, HEAD" : "",
                      "\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff"
                      "\r\nConnection: close\r\n\r\n",
                      with_body ? response.body : "");
}

int Millis(absl::Duration duration) {
  const int64_t millis = absl::ToInt64Milliseconds(absl::Ceil(duration, absl::Milliseconds(1)));
  return static_cast<int>(std::clamp<int64_t>(millis, 0, 60 * 1000));
}

bool MustWait(ssize_t result) {
  return result < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
}

}  // namespace

HttpServer::HttpServer(std::unique_ptr<Listener> listener, Handler handler, HttpDeadlines deadlines)
    : listener_(std::move(listener)),
      handler_(std::move(handler)),
      deadlines_(deadlines),
      stop_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

HttpServer::~HttpServer() {
  eventfd_write(stop_, 1);
  if (thread_.joinable()) thread_.join();
  while (!connections_.empty()) Close(connections_.begin());
  close(stop_);
}

absl::Status HttpServer::Start() {
  try {
    thread_ = std::thread([this] { Run(); });
  } catch (const std::system_error& error) {
    return absl::ResourceExhaustedError(absl::StrCat("no thread for monitoring: ", error.what()));
  }
  return absl::OkStatus();
}

void HttpServer::Run() {
  while (Wait()) {
    const absl::Time now = absl::Now();
    for (auto next = connections_.begin(); next != connections_.end();) {
      const auto connection = next++;
      if (now >= connection->deadline) Close(connection);
    }
  }
}

// False when told to stop.
bool HttpServer::Wait() {
  std::array<pollfd, kMaxHttpConnections + 2> waited{};
  waited[0] = {.fd = stop_, .events = POLLIN, .revents = 0};
  waited[1] = {.fd = listener_->fd(), .events = POLLIN, .revents = 0};
  nfds_t count = 2;
  absl::Time first = absl::InfiniteFuture();
  for (const Connection& connection : connections_) {
    const short events = connection.stage == Stage::kWriting ? POLLOUT : POLLIN;
    waited[count++] = {.fd = connection.fd, .events = events, .revents = 0};
    first = std::min(first, connection.deadline);
  }
  const bool idle = first == absl::InfiniteFuture();
  if (poll(waited.data(), count, idle ? -1 : Millis(first - absl::Now())) < 0) {
    return true;  // EINTR, or a moment without memory
  }
  if (waited[0].revents != 0) return false;
  nfds_t at = 2;
  for (auto next = connections_.begin(); next != connections_.end(); ++at) {
    const auto connection = next++;
    if (waited[at].revents != 0 && !Advance(*connection)) Close(connection);
  }
  if (waited[1].revents != 0) Accept();
  return true;
}

void HttpServer::Accept() {
  for (int i = 0; i < kAcceptsAtOnce; ++i) {
    const int fd = accept4(listener_->fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
      // The connection stays in the queue; without a pause this would spin.
      if (errno == EMFILE || errno == ENFILE) absl::SleepFor(kPauseWithoutDescriptors);
      return;
    }
    if (connections_.size() >= kMaxHttpConnections) Close(connections_.begin());
    connections_.push_back(
        {.fd = fd, .deadline = absl::Now() + deadlines_.request, .request = {}, .response = {}});
    // Its request has come along, mostly.
    if (!Advance(connections_.back())) Close(std::prev(connections_.end()));
  }
}

bool HttpServer::Advance(Connection& connection) {
  switch (connection.stage) {
    case Stage::kReading:
      return Read(connection);
    case Stage::kWriting:
      return Write(connection);
    case Stage::kEnding:
      break;
  }
  return End(connection);
}

bool HttpServer::Read(Connection& connection) {
  std::array<char, kMaxHttpHeadBytes> buffer;
  const size_t room = kMaxHttpHeadBytes - connection.request.size();
  const ssize_t got = recv(connection.fd, buffer.data(), room, 0);
  if (MustWait(got)) return true;
  if (got <= 0) return false;
  connection.request.append(buffer.data(), static_cast<size_t>(got));
  if (ParseHttpRequest(connection.request).head == HttpHead::kIncomplete) return true;
  Answer(connection);
  return Write(connection);
}

void HttpServer::Answer(Connection& connection) {
  const HttpRequest request = ParseHttpRequest(connection.request);
  const bool get = request.method == "GET";
  HttpResponse response;
  if (request.head == HttpHead::kMalformed) {
    response = {.status = 400, .body = "bad request\n"};
  } else if (!get && request.method != "HEAD") {
    response = {.status = 405, .body = "only GET and HEAD\n"};
  } else {
    response = handler_(request.path);
  }
  connection.response = Render(response, get || response.status == 400 || response.status == 405);
  connection.request = std::string();
  connection.stage = Stage::kWriting;
  connection.deadline = absl::Now() + deadlines_.response;
}

bool HttpServer::Write(Connection& connection) {
  const std::string_view left = std::string_view(connection.response).substr(connection.written);
  const ssize_t sent = send(connection.fd, left.data(), left.size(), MSG_NOSIGNAL);
  if (MustWait(sent)) return true;
  if (sent < 0) return false;
  connection.written += static_cast<size_t>(sent);
  if (connection.written < connection.response.size()) return true;
  // Closing now would reset the connection if anything unread has come, and the response with it.
  shutdown(connection.fd, SHUT_WR);
  connection.response = std::string();
  connection.stage = Stage::kEnding;
  connection.deadline = absl::Now() + kEndTimeout;
  return End(connection);
}

bool HttpServer::End(Connection& connection) {
  std::array<char, 1024> ignored;
  const ssize_t got = recv(connection.fd, ignored.data(), ignored.size(), 0);
  return got > 0 || MustWait(got);
}

void HttpServer::Close(std::list<Connection>::iterator connection) {
  if (connection->stage != Stage::kEnding) {
    // A reset: otherwise the kernel would hold what a deaf peer does not take for minutes.
    const linger none{.l_onoff = 1, .l_linger = 0};
    setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
  }
  close(connection->fd);
  connections_.erase(connection);
}

}  // namespace bpa::gateway
