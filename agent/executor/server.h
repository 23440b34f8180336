// Accepts the gateway's connections and serves each on a thread.
#ifndef BPA_AGENT_EXECUTOR_SERVER_H_
#define BPA_AGENT_EXECUTOR_SERVER_H_

#include <sys/types.h>

#include <atomic>
#include <functional>
#include <list>
#include <mutex>
#include <thread>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "agent/executor/request_handler.h"
#include "agent/executor/session.h"
#include "spdlog/logger.h"

namespace bpa::executor {

// As many as the gateway relays at once, and its own look at the node.
inline constexpr size_t kMaxConnections = 9;

struct ServerOptions {
  // The only uid that may connect.
  uid_t gateway = 0;
  // Run returns when nobody has been connected for this long; sooner when all that was asked was to
  // observe, so that monitoring does not keep the executor in memory.
  absl::Duration idle_timeout = absl::Seconds(30);
  // `beat` is called this often, by the thread that accepts connections: that it does is what the
  // beat tells. A command may take for ever (a disk that does not answer), and nothing would be
  // better if the process were killed for it: commands have threads of their own.
  absl::Duration beat_interval = absl::InfiniteDuration();
  std::function<void()> beat = [] {};
  SessionLimits limits;
};

// The only part of the executor that logs: one line per connection.
class Server {
 public:
  // `listener`: a listening UNIX stream socket, made non-blocking. `stop`: a descriptor that
  // becomes readable when the process shall end (a signalfd). Both stay the caller's; they,
  // the handlers and `log` must outlive the server.
  Server(int listener, int stop, const Handlers& handlers, ServerOptions options,
         spdlog::logger& log);
  ~Server();

  // Serves until idle or told to stop, and returns when every connection has ended. A connection
  // over kMaxConnections is told ResourceExhausted. Fails only if the listener does.
  absl::Status Run();

 private:
  struct Connection {
    int socket = -1;
    bool done = false;
    std::thread thread;
  };

  absl::Status Loop();
  // True when `stop` became readable or nobody came for idle_timeout.
  absl::StatusOr<bool> WaitForEvent();
  // Milliseconds that poll may take, -1 for no limit.
  int PollLimit(bool idle) const;
  absl::Duration Patience() const;
  absl::Status Accept();
  void Start(int socket);
  void Serve(Connection& connection);
  // Joins the threads that have ended. Returns how many have not.
  size_t Reap();
  void StopAndJoinAll();
  void LogRequest(const RequestSummary& summary, const absl::Status& told, absl::Duration took);

  const int listener_;
  const int stop_;
  const Handlers handlers_;
  const ServerOptions options_;
  spdlog::logger& log_;
  // What the connections so far say of how long to wait for another one.
  std::atomic<bool> only_observed_ = false;
  std::atomic<bool> worked_ = false;
  int wake_ = -1;  // eventfd: a connection has ended
  // Of the thread in Run.
  absl::Time idle_since_;
  absl::Time next_beat_;

  std::mutex mutex_;
  std::list<Connection> connections_;  // guarded by mutex_
};

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_SERVER_H_
