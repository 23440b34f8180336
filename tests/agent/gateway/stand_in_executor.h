// A small executor at a real UNIX socket: reads one request per connection and does as it is told.
#ifndef BPA_TESTS_AGENT_GATEWAY_STAND_IN_EXECUTOR_H_
#define BPA_TESTS_AGENT_GATEWAY_STAND_IN_EXECUTOR_H_

#include <atomic>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "proto/frame.h"

namespace bpa::gateway {

class StandInExecutor {
 public:
  // Called in a thread of its own; the connection is closed when it returns.
  using Handler = std::function<void(int fd, const Frame& request)>;

  // `reads_request` false: `handler` gets the connection before anything was read.
  StandInExecutor(const std::string& path, Handler handler, bool reads_request = true);
  // Ends accepting and waits for all handlers.
  ~StandInExecutor();
  StandInExecutor(const StandInExecutor&) = delete;
  StandInExecutor& operator=(const StandInExecutor&) = delete;

  int connections() const { return connections_; }

 private:
  void Accept();
  void HandleOne(int fd);

  const Handler handler_;
  const bool reads_request_;
  int listener_;
  std::atomic<int> connections_ = 0;
  std::vector<std::thread> handlers_;
  std::thread acceptor_;
};

// Sends one frame, whatever happens to it.
void Send(int fd, FrameType type, const std::string& body);

// Waits until the other side closed the connection.
void AwaitClose(int fd);

}  // namespace bpa::gateway

#endif  // BPA_TESTS_AGENT_GATEWAY_STAND_IN_EXECUTOR_H_
