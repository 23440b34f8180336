// A small HTTP server for monitoring: one thread, few connections, nothing that waits for a peer.
//
// prometheus-cpp's own server (civetweb) gives each connection a thread and buffers of its own, and
// a scraper that never reads keeps both.
#ifndef BPA_AGENT_GATEWAY_HTTP_SERVER_H_
#define BPA_AGENT_GATEWAY_HTTP_SERVER_H_

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/gateway/listener.h"

namespace bpa::gateway {

// More at once: the oldest is closed for the newest.
inline constexpr size_t kMaxHttpConnections = 8;

struct HttpResponse {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
};

struct HttpDeadlines {
  // For the whole request, and for the peer to take the whole response.
  absl::Duration request = absl::Seconds(5);
  absl::Duration response = absl::Seconds(10);
};

class HttpServer {
 public:
  // The response to GET of a path, by the server's thread: quickly, and without waiting.
  using Handler = std::function<HttpResponse(std::string_view path)>;

  // Takes over the listener. One request a connection: the response ends it. GET and HEAD are
  // served, other methods get 405, and what is no HTTP/1.x gets 400.
  HttpServer(std::unique_ptr<Listener> listener, Handler handler, HttpDeadlines deadlines = {});
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // Starts the thread. ResourceExhausted if there is none to be had.
  absl::Status Start();

  uint16_t port() const { return listener_->port(); }

 private:
  enum class Stage { kReading, kWriting, kEnding };
  struct Connection {
    int fd;
    absl::Time deadline;
    Stage stage = Stage::kReading;
    std::string request;
    std::string response;
    size_t written = 0;
  };

  void Run();
  bool Wait();
  void Accept();
  // False when the connection is to be closed.
  bool Advance(Connection& connection);
  bool Read(Connection& connection);
  void Answer(Connection& connection);
  bool Write(Connection& connection);
  static bool End(Connection& connection);
  void Close(std::list<Connection>::iterator connection);

  const std::unique_ptr<Listener> listener_;
  const Handler handler_;
  const HttpDeadlines deadlines_;
  int stop_ = -1;  // eventfd
  std::thread thread_;
  // The thread's: oldest first.
  std::list<Connection> connections_;
};

}  // namespace bpa::gateway

#endif  // BPA_AGENT_GATEWAY_HTTP_SERVER_H_
