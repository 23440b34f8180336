#include "agent/gateway/process.h"

#include <malloc.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdlib>

#include "proto/trusted_file.h"

namespace bpa::gateway {
namespace {

// How late health may notice that the executor's socket came or went.
constexpr uint64_t kHealthIntervalMicros = 10'000'000;

}  // namespace

absl::Status PrepareProcess() {
  if (geteuid() == 0) {
    return absl::PermissionDeniedError(
        "bpa-gateway does not run as root: start it by bpa-gateway.service, or as user bpa-agent");
  }
  for (const char* name : {"http_proxy", "https_proxy", "grpc_proxy", "no_proxy", "no_grpc_proxy",
                           "HTTP_PROXY", "HTTPS_PROXY"}) {
    unsetenv(name);
  }
  mallopt(M_ARENA_MAX, 2);
  return absl::OkStatus();
}

absl::StatusOr<int> MakeStopDescriptor() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  if (pthread_sigmask(SIG_BLOCK, &signals, nullptr) != 0) {
    return ErrnoStatus(errno, "pthread_sigmask", "SIGTERM");
  }
  const int fd = signalfd(-1, &signals, SFD_CLOEXEC);
  if (fd < 0) return ErrnoStatus(errno, "signalfd", "SIGTERM");
  return fd;
}

void RunUntilStopped(Server& server, int stop) {
  uint64_t interval = kHealthIntervalMicros;
  uint64_t watchdog = 0;
  // sd_watchdog_enabled(3): ping at half the time.
  if (sd_watchdog_enabled(0, &watchdog) > 0) interval = std::min(interval, watchdog / 2);
  bool serving = server.UpdateHealth();
  sd_notify(0, serving ? "READY=1\nSTATUS=Serving"
                       : "READY=1\nSTATUS=Serving, but the executor's socket is missing");
  pollfd waited{.fd = stop, .events = POLLIN, .revents = 0};
  while (poll(&waited, 1, static_cast<int>(interval / 1000)) <= 0) {
    const bool now = server.UpdateHealth();
    if (now != serving) {
      sd_notify(0, now ? "STATUS=Serving" : "STATUS=The executor's socket is missing");
      serving = now;
    }
    sd_notify(0, "WATCHDOG=1");
  }
  sd_notify(0, "STOPPING=1");
}

}  // namespace bpa::gateway
