#include "agent/gateway/process.h"

#include <malloc.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdlib>

#include "agent/gateway/notify.h"
#include "proto/trusted_file.h"

namespace bpa::gateway {

absl::Status PrepareProcess() {
  if (geteuid() == 0) {
    return absl::PermissionDeniedError(
        "bpa-gateway does not run as root: start it by bpa-gateway.service, or as user bpa-agent");
  }
  for (const char* name : {"http_proxy", "https_proxy", "grpc_proxy", "no_proxy", "no_grpc_proxy",
                           "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "NO_PROXY"}) {
    unsetenv(name);
  }
  // A log that nobody reads any more must not end the service.
  std::signal(SIGPIPE, SIG_IGN);
  // One arena is plenty for a relay; what one request needed goes back to the system.
  mallopt(M_ARENA_MAX, 1);
  mallopt(M_TRIM_THRESHOLD, 256 * 1024);
  mallopt(M_MMAP_THRESHOLD, 128 * 1024);
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

absl::Status RunUntilStopped(Server& server, int stop) {
  // Told twice as often as asked. Without a watchdog nothing wakes up at rest.
  const absl::Duration interval = WatchdogTimeout() / 2;
  Notify(server.ExecutorCanBeStarted()
             ? "READY=1\nSTATUS=Serving"
             : "READY=1\nSTATUS=Serving, but the executor's socket is missing");
  return server.Run(
      stop, interval, [] { Notify("WATCHDOG=1"); },
      [] { Notify("STOPPING=1\nSTATUS=Ending requests"); });
}

}  // namespace bpa::gateway
