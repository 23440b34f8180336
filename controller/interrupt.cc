#include "controller/interrupt.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <string_view>
#include <utility>

namespace bpa::controller {
namespace {

constexpr char kFirst[] =
    "\nbpactl: no more nodes are started; collecting the reports of those under way "
    "(Ctrl-C again leaves)\n";

// From another thread than the progress display's, so not through its stream.
void Say(std::string_view text) {
  if (write(STDERR_FILENO, text.data(), text.size()) < 0) return;  // nobody is listening
}

}  // namespace

Interrupt::Interrupt(std::string farewell) : farewell_(std::move(farewell)) {
  sigset_t watched;
  sigemptyset(&watched);
  sigaddset(&watched, SIGINT);
  sigaddset(&watched, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &watched, &previous_mask_);
  signals_ = signalfd(-1, &watched, SFD_CLOEXEC);
  end_ = eventfd(0, EFD_CLOEXEC);
  // Without descriptors left there is nothing to watch with: Ctrl-C ends the process as usual.
  if (signals_ < 0 || end_ < 0) {
    pthread_sigmask(SIG_SETMASK, &previous_mask_, nullptr);
    return;
  }
  watcher_ = std::thread(&Interrupt::Watch, this);
}

Interrupt::~Interrupt() {
  if (watcher_.joinable()) {
    eventfd_write(end_, 1);
    watcher_.join();
    pthread_sigmask(SIG_SETMASK, &previous_mask_, nullptr);
  }
  if (signals_ >= 0) close(signals_);
  if (end_ >= 0) close(end_);
}

void Interrupt::Watch() {
  pollfd watched[] = {{.fd = signals_, .events = POLLIN}, {.fd = end_, .events = POLLIN}};
  while (true) {
    if (poll(watched, 2, -1) < 0) continue;
    if (watched[1].revents != 0) return;
    signalfd_siginfo signal{};
    if (read(signals_, &signal, sizeof(signal)) != sizeof(signal)) continue;
    if (stop_.exchange(true)) {
      Say(farewell_);
      _exit(128 + static_cast<int>(signal.ssi_signo));
    }
    Say(kFirst);
  }
}

}  // namespace bpa::controller
