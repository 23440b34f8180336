#include "agent/gateway/notify.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "absl/strings/numbers.h"

namespace bpa::gateway {

void Notify(std::string_view state) {
  const char* const variable = std::getenv("NOTIFY_SOCKET");
  const std::string_view path = variable == nullptr ? "" : variable;
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  if (path.size() < 2 || path.size() >= sizeof address.sun_path) return;
  path.copy(address.sun_path, path.size());
  // '@' stands for the zero byte of an abstract address.
  if (path[0] == '@') address.sun_path[0] = '\0';
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return;
  sendto(fd, state.data(), state.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&address),
         static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size()));
  close(fd);
}

absl::Duration WatchdogTimeout() {
  const char* const pid_text = std::getenv("WATCHDOG_PID");
  const char* const micros_text = std::getenv("WATCHDOG_USEC");
  int64_t pid = 0;
  int64_t micros = 0;
  if (pid_text != nullptr && (!absl::SimpleAtoi(pid_text, &pid) || pid != getpid())) {
    return absl::InfiniteDuration();
  }
  if (micros_text == nullptr || !absl::SimpleAtoi(micros_text, &micros) || micros <= 0) {
    return absl::InfiniteDuration();
  }
  return absl::Microseconds(micros);
}

}  // namespace bpa::gateway
