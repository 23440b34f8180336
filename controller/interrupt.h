// Ctrl-C while a command is under way.
#ifndef BPA_CONTROLLER_INTERRUPT_H_
#define BPA_CONTROLLER_INTERRUPT_H_

#include <signal.h>

#include <atomic>
#include <string>
#include <thread>

namespace bpa::controller {

// While it lives, the first SIGINT or SIGTERM sets stop(), and the second writes `farewell` to
// standard error and ends the process with 128 plus the signal's number: every command and report
// is on disk by then. No signal handler: the signals are blocked, and a thread reads them from a
// signalfd. Threads that are started meanwhile inherit the block, so make it before anything that
// starts threads (gRPC does). One at a time.
class Interrupt {
 public:
  explicit Interrupt(std::string farewell);
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  const std::atomic<bool>& stop() const { return stop_; }

 private:
  void Watch();

  const std::string farewell_;
  std::atomic<bool> stop_ = false;
  sigset_t previous_mask_;
  int signals_ = -1;
  int end_ = -1;  // eventfd that ends the thread
  std::thread watcher_;
};

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_INTERRUPT_H_
