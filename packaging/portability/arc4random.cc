// arc4random(3) for the nodes whose glibc has none (before 2.36: Amazon Linux 2023, Ubuntu 22.04).
//
// The archives that are linked in were built for Debian's glibc and call it: libstdc++'s
// std::random_device (gRPC uses it), and c-ares in some of Debian's builds. Without this definition
// the program would not start there. Hidden: shared libraries keep to the system's own, if any.
#include <sys/random.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>

extern "C" __attribute__((visibility("hidden"))) std::uint32_t arc4random() noexcept {
  std::uint32_t number = 0;
  while (true) {
    const ssize_t got = getrandom(&number, sizeof number, 0);
    if (got == static_cast<ssize_t>(sizeof number)) return number;
    // Callers know no failure, as with the original; so few bytes only come short by a signal.
    if (got < 0 && errno != EINTR) std::abort();
  }
}
