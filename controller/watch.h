// Something shown again and again, until Ctrl-C.
#ifndef BPA_CONTROLLER_WATCH_H_
#define BPA_CONTROLLER_WATCH_H_

#include <signal.h>

#include <cstddef>
#include <functional>
#include <iosfwd>
#include <string>

#include "absl/time/time.h"
#include "controller/table.h"

namespace bpa::controller {

// Blocks SIGINT, SIGTERM and SIGWINCH as long as it lives. Threads that are started meanwhile
// inherit that, so make it before anything that starts threads (gRPC does).
class WatchSignals {
 public:
  WatchSignals();
  ~WatchSignals();
  WatchSignals(const WatchSignals&) = delete;
  WatchSignals& operator=(const WatchSignals&) = delete;

  // SIGINT or SIGTERM has come: it is time to leave.
  bool leaving() const;

  enum class Woken { kTime, kResized, kLeaving };
  // Sleeps for `interval` or until a signal comes.
  Woken Sleep(absl::Duration interval) const;

 private:
  sigset_t watched_;
  sigset_t previous_;
};

// A terminal's whole screen, drawn over in place; the screen as it was comes back in the end.
class Screen {
 public:
  Screen(std::ostream& out, int fd);
  ~Screen();
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  // As it is now; 80 by 24 when it does not say.
  TerminalSize size() const;
  // As much of the lines, and as many of them, as fits; the last then says how many more there are.
  void Draw(const std::string& text);

 private:
  std::ostream& out_;
  const int fd_;
};

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_WATCH_H_
