// A journal at a socket of its own, which reads the native protocol as systemd does.
#ifndef BPA_TESTS_JOURNAL_RECEIVER_H_
#define BPA_TESTS_JOURNAL_RECEIVER_H_

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "gtest/gtest.h"

namespace bpa::testing {

class JournalReceiver {
 public:
  explicit JournalReceiver(std::string path)
      : path_(std::move(path)), fd_(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, sizeof address.sun_path - 1);
    EXPECT_EQ(bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  }
  JournalReceiver(const JournalReceiver&) = delete;
  JournalReceiver& operator=(const JournalReceiver&) = delete;
  ~JournalReceiver() { close(fd_); }

  const std::string& path() const { return path_; }

  // The next record that has been sent, by field; empty if there is none. A field that comes twice
  // is a failure.
  std::map<std::string, std::string> Next() const {
    std::string datagram(256 * 1024, '\0');
    const ssize_t got = recv(fd_, datagram.data(), datagram.size(), MSG_DONTWAIT);
    if (got <= 0) return {};
    return Parse(std::string_view(datagram).substr(0, static_cast<size_t>(got)));
  }

  static std::map<std::string, std::string> Parse(std::string_view rest) {
    std::map<std::string, std::string> fields;
    while (!rest.empty()) {
      const size_t end = rest.find('\n');
      if (end == std::string_view::npos) break;
      const size_t equals = rest.substr(0, end).find('=');
      std::string_view name = rest.substr(0, end);
      std::string_view value;
      if (equals != std::string_view::npos) {
        value = name.substr(equals + 1);
        name = name.substr(0, equals);
        rest.remove_prefix(end + 1);
      } else {
        rest.remove_prefix(end + 1);
        uint64_t size = 0;
        for (size_t i = 0; i < 8 && i < rest.size(); ++i) {
          size |= uint64_t{static_cast<uint8_t>(rest[i])} << (8 * i);
        }
        if (rest.size() < 8 || size >= rest.size() - 8 || rest[8 + size] != '\n') break;
        value = rest.substr(8, size);
        rest.remove_prefix(8 + size + 1);
      }
      EXPECT_TRUE(fields.emplace(name, value).second) << name << " comes twice";
    }
    EXPECT_TRUE(rest.empty()) << "not in the native protocol: " << rest;
    return fields;
  }

 private:
  const std::string path_;
  const int fd_;
};

}  // namespace bpa::testing

#endif  // BPA_TESTS_JOURNAL_RECEIVER_H_
