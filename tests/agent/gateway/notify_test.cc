#include "agent/gateway/notify.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "tests/agent/gateway/scratch.h"

namespace bpa::gateway {
namespace {

// What arrives at a manager's socket of this address after one Notify.
std::string Received(const std::string& variable, const sockaddr_un& address, socklen_t length) {
  const int manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  EXPECT_EQ(bind(manager, reinterpret_cast<const sockaddr*>(&address), length), 0);
  setenv("NOTIFY_SOCKET", variable.c_str(), 1);
  Notify("READY=1\nSTATUS=Serving");
  unsetenv("NOTIFY_SOCKET");
  char text[64];
  const ssize_t got = recv(manager, text, sizeof text, 0);
  close(manager);
  return got < 0 ? "" : std::string(text, static_cast<size_t>(got));
}

TEST(NotifyTest, TellsAManagerAtAPath) {
  const Scratch scratch;
  const std::string path = scratch.Path("notify");
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  EXPECT_EQ(Received(path, address, sizeof address), "READY=1\nSTATUS=Serving");
}

TEST(NotifyTest, TellsAManagerAtAnAbstractAddress) {
  const std::string name = "@bpa-notify-test-" + std::to_string(getpid());
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  name.copy(address.sun_path, sizeof address.sun_path);
  address.sun_path[0] = '\0';
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
  EXPECT_EQ(Received(name, address, length), "READY=1\nSTATUS=Serving");
}

TEST(NotifyTest, PingsOnlyWhenAsked) {
  unsetenv("WATCHDOG_USEC");
  unsetenv("WATCHDOG_PID");
  EXPECT_EQ(WatchdogTimeout(), absl::InfiniteDuration());
  setenv("WATCHDOG_USEC", "30000000", 1);
  EXPECT_EQ(WatchdogTimeout(), absl::Seconds(30));
  setenv("WATCHDOG_PID", std::to_string(getpid()).c_str(), 1);
  EXPECT_EQ(WatchdogTimeout(), absl::Seconds(30));
  setenv("WATCHDOG_PID", "1", 1);
  EXPECT_EQ(WatchdogTimeout(), absl::InfiniteDuration());
  unsetenv("WATCHDOG_PID");
  setenv("WATCHDOG_USEC", "soon", 1);
  EXPECT_EQ(WatchdogTimeout(), absl::InfiniteDuration());
  unsetenv("WATCHDOG_USEC");
}

}  // namespace
}  // namespace bpa::gateway
