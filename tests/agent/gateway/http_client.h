// The other end of the monitoring port, as civil or not as a test wants it.
#ifndef BPA_TESTS_AGENT_GATEWAY_HTTP_CLIENT_H_
#define BPA_TESTS_AGENT_GATEWAY_HTTP_CLIENT_H_

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "agent/gateway/address.h"

namespace bpa::gateway {

class HttpClient {
 public:
  explicit HttpClient(uint16_t port) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const SocketAddress address = *ParseSocketAddress(absl::StrCat("127.0.0.1:", port));
    EXPECT_EQ(connect(fd_, address.get(), address.length), 0);
  }
  ~HttpClient() { Close(); }
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  void Send(std::string_view bytes) {
    EXPECT_EQ(send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }
  // Everything until the server closes.
  std::string ReadAll() {
    std::string all;
    char buffer[4096];
    ssize_t got = 0;
    while ((got = recv(fd_, buffer, sizeof buffer, 0)) > 0) {
      all.append(buffer, static_cast<size_t>(got));
    }
    return all;
  }
  // Whether the server has ended the connection, or does so within `millis`.
  bool Ended(int millis = 0) {
    pollfd waited{.fd = fd_, .events = POLLIN, .revents = 0};
    char byte = 0;
    return poll(&waited, 1, millis) > 0 && recv(fd_, &byte, 1, MSG_PEEK | MSG_DONTWAIT) <= 0;
  }
  void Close() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }
  int fd() const { return fd_; }

 private:
  int fd_;
};

inline std::string HttpGet(uint16_t port, std::string_view path) {
  HttpClient client(port);
  client.Send(absl::StrCat("GET ", std::string(path), " HTTP/1.1\r\nHost: x\r\n\r\n"));
  return client.ReadAll();
}

}  // namespace bpa::gateway

#endif  // BPA_TESTS_AGENT_GATEWAY_HTTP_CLIENT_H_
