#include "agent/gateway/process.h"

#include <link.h>
#include <malloc.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdlib>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "agent/gateway/notify.h"
#include "proto/trusted_file.h"

namespace bpa::gateway {
namespace {

// Code and constants that only starting needed (relocations, registrations, parsing of files) stay
// mapped as long as nobody takes them away, and are a quarter of what the process holds. They come
// back from the page cache when they are needed. Nothing was written to segments without PF_W.
void ReleaseStartUpPages() {
  dl_iterate_phdr(
      [](dl_phdr_info* object, size_t, void*) {
        const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
        for (size_t i = 0; i < object->dlpi_phnum; ++i) {
          const ElfW(Phdr)& segment = object->dlpi_phdr[i];
          if (segment.p_type != PT_LOAD || (segment.p_flags & PF_W) != 0) continue;
          const uintptr_t from = (object->dlpi_addr + segment.p_vaddr) & ~(page - 1);
          const uintptr_t to = object->dlpi_addr + segment.p_vaddr + segment.p_memsz;
          // Fails for the kernel's own vDSO, which is not resident in that sense.
          madvise(reinterpret_cast<void*>(from), to - from, MADV_DONTNEED);
        }
        return 0;
      },
      nullptr);
}

}  // namespace

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
  // Debian's Abseil is a debug build in this: it would keep a graph of all locks that gRPC takes,
  // half a megabyte of it after a while, and abort at what looks like a cycle.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
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
  // Told twice as often as asked, and the status with it. Without a watchdog nothing wakes up at
  // rest.
  const absl::Duration interval = WatchdogTimeout() / 2;
  // A state is lines; what is told of the node must not be able to add one.
  const auto tell = [&server](const char* state) {
    Notify(absl::StrCat(state, "\nSTATUS=", absl::CHexEscape(server.StatusLine())));
  };
  tell("READY=1");
  ReleaseStartUpPages();
  return server.Run(
      stop, interval, [&tell] { tell("WATCHDOG=1"); },
      [] { Notify("STOPPING=1\nSTATUS=Ending requests"); });
}

}  // namespace bpa::gateway
