#include "agent/executor/server.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <string>
#include <system_error>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "proto/journal_sink.h"
#include "proto/log_event.h"
#include "proto/trusted_file.h"

namespace bpa::executor {
namespace {

// Messages can quote what a peer sent; a log line stays one line.
std::string OneLine(const absl::Status& status) {
  return absl::StrCat(absl::StatusCodeToString(status.code()), ": ",
                      absl::Utf8SafeCEscape(status.message()));
}

// Long enough for whoever asked at the same moment.
constexpr absl::Duration kStayAfterObserving = absl::Milliseconds(200);

std::string OrDash(const std::string& value) { return value.empty() ? "-" : value; }

// Errors of a connection that was gone before it was accepted, or of a passing shortage.
bool IsPassing(int error) {
  return error == EAGAIN || error == EINTR || error == ECONNABORTED || error == EMFILE ||
         error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

}  // namespace

Server::Server(int listener, int stop, const Handlers& handlers, ServerOptions options,
               spdlog::logger& log)
    : listener_(listener),
      stop_(stop),
      handlers_(handlers),
      options_(std::move(options)),
      log_(log),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

Server::~Server() {
  StopAndJoinAll();
  close(wake_);
}

absl::Status Server::Run() {
  absl::Status status = Loop();
  StopAndJoinAll();
  return status;
}

absl::Status Server::Loop() {
  const int flags = fcntl(listener_, F_GETFL);
  if (wake_ < 0 || flags < 0 || fcntl(listener_, F_SETFL, flags | O_NONBLOCK) != 0) {
    return ErrnoStatus(errno, "fcntl", "listening socket");
  }
  idle_since_ = absl::Now();
  next_beat_ = absl::Now() + options_.beat_interval;
  while (true) {
    absl::StatusOr<bool> leave = WaitForEvent();
    if (!leave.ok()) return leave.status();
    if (*leave) return absl::OkStatus();
    if (absl::Status s = Accept(); !s.ok()) return s;
  }
}

absl::StatusOr<bool> Server::WaitForEvent() {
  const bool idle = Reap() == 0;
  pollfd events[] = {{stop_, POLLIN, 0}, {wake_, POLLIN, 0}, {listener_, POLLIN, 0}};
  const int ready = poll(events, 3, PollLimit(idle));
  if (ready < 0)
    return errno == EINTR ? absl::StatusOr<bool>(false)
                          : ErrnoStatus(errno, "poll", "listening socket");
  const absl::Time now = absl::Now();
  if (!idle) idle_since_ = now;
  if (now >= next_beat_) {
    options_.beat();
    next_beat_ = now + options_.beat_interval;
  }
  if (events[0].revents != 0) return true;
  if (ready == 0) return idle && now >= idle_since_ + Patience();
  if (events[1].revents != 0) {
    eventfd_t count = 0;
    eventfd_read(wake_, &count);
  }
  return false;
}

int Server::PollLimit(bool idle) const {
  const absl::Time until = idle ? std::min(next_beat_, idle_since_ + Patience()) : next_beat_;
  if (until == absl::InfiniteFuture()) return -1;
  // Rounded up, or the last fraction of a millisecond would be spent in a loop.
  const absl::Duration left = absl::Ceil(until - absl::Now(), absl::Milliseconds(1));
  return static_cast<int>(std::clamp<int64_t>(absl::ToInt64Milliseconds(left), 0, INT_MAX));
}

absl::Duration Server::Patience() const {
  const bool brief = only_observed_ && !worked_;
  return brief ? std::min(kStayAfterObserving, options_.idle_timeout) : options_.idle_timeout;
}

absl::Status Server::Accept() {
  const int socket = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
  if (socket < 0) {
    return IsPassing(errno) ? absl::OkStatus() : ErrnoStatus(errno, "accept4", "listening socket");
  }
  if (Reap() < kMaxConnections) {
    Start(socket);
    return absl::OkStatus();
  }
  const absl::Status full = absl::ResourceExhaustedError(absl::StrCat(
      "the executor serves ", kMaxConnections, " connections already: try again later"));
  RefuseSession(socket, full);
  close(socket);
  log_.warn("refused: {}", OneLine(full));
  return absl::OkStatus();
}

void Server::Start(int socket) {
  const std::lock_guard lock(mutex_);
  Connection& connection = connections_.emplace_back();
  connection.socket = socket;
  try {
    connection.thread = std::thread([this, &connection] { Serve(connection); });
  } catch (const std::system_error& error) {
    const absl::Status none =
        absl::ResourceExhaustedError(absl::StrCat("no thread for the connection: ", error.what()));
    RefuseSession(socket, none);
    close(socket);
    connections_.pop_back();
    log_.error("refused: {}", OneLine(none));
  }
}

void Server::Serve(Connection& connection) {
  const absl::Time start = absl::Now();
  RequestSummary summary;
  const absl::Status told =
      ServeSession(connection.socket, options_.gateway, handlers_, options_.limits, summary);
  (summary.only_looked ? only_observed_ : worked_) = true;
  LogRequest(summary, told, absl::Now() - start);
  const std::lock_guard lock(mutex_);
  close(connection.socket);
  connection.done = true;
  eventfd_write(wake_, 1);
}

size_t Server::Reap() {
  const std::lock_guard lock(mutex_);
  // A thread that is done holds the mutex no more and only has to return.
  connections_.remove_if([](Connection& connection) {
    if (connection.done) connection.thread.join();
    return connection.done;
  });
  return connections_.size();
}

void Server::StopAndJoinAll() {
  handlers_.commands.Stop();
  {
    const std::lock_guard lock(mutex_);
    // Ends the waiting for requests; answers still go out.
    for (Connection& connection : connections_) {
      if (!connection.done) shutdown(connection.socket, SHUT_RD);
    }
  }
  // Only this thread adds to and removes from the list, so its nodes stay.
  while (true) {
    std::thread* next = nullptr;
    {
      const std::lock_guard lock(mutex_);
      if (connections_.empty()) return;
      next = &connections_.front().thread;
    }
    next->join();
    const std::lock_guard lock(mutex_);
    connections_.pop_front();
  }
}

void Server::LogRequest(const RequestSummary& summary, const absl::Status& told,
                        absl::Duration took) {
  if (!summary.audit.ok()) {
    Log(log_, {.severity = Severity::kError,
               .message_id = kAuditBrokenId,
               .message = absl::StrCat("audit record: ", OneLine(summary.audit)),
               .fields = {}});
  }
  LogEvent event = summary.ended ? CommandEvent(*summary.ended) : LogEvent();
  // A peer that could not be told is nothing of the command's.
  if (!told.ok()) event.severity = std::min(event.severity, Severity::kWarning);
  const std::string answer = told.ok() ? summary.answer : absl::StrCat("refused: ", OneLine(told));
  event.message = absl::StrFormat(
      "command=%s mode=%s operator=%s signers=%s took_ms=%.1f %s", OrDash(summary.command_id),
      OrDash(summary.mode), OrDash(absl::Utf8SafeCEscape(summary.operator_name)),
      OrDash(summary.signers), absl::ToDoubleMilliseconds(took), answer);
  Log(log_, event);
}

}  // namespace bpa::executor
