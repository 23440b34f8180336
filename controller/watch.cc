#include "controller/watch.h"

#include <pthread.h>

#include <algorithm>
#include <cerrno>
#include <ostream>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "proto/utf8.h"

namespace bpa::controller {
namespace {

// xterm's names for them: another screen with the cursor hidden, and back.
constexpr char kEnter[] = "\x1b[?1049h\x1b[?25l";
constexpr char kLeave[] = "\x1b[?25h\x1b[?1049l";
constexpr char kHome[] = "\x1b[H";
constexpr char kClearToLineEnd[] = "\x1b[K";
constexpr char kClearBelow[] = "\x1b[J";

// At most `columns` characters of `line`; colours count for nothing and are kept.
std::string Cut(std::string_view line, size_t columns) {
  std::string cut;
  size_t shown = 0;
  while (!line.empty()) {
    size_t step = std::max<size_t>(Utf8Length(line), 1);
    if (line.front() == '\x1b') {
      step = std::min(line.find('m'), line.size() - 1) + 1;
    } else if (++shown > columns) {
      line.remove_prefix(step);
      continue;
    }
    cut.append(line.substr(0, step));
    line.remove_prefix(step);
  }
  return cut;
}

}  // namespace

WatchSignals::WatchSignals() {
  sigemptyset(&watched_);
  sigaddset(&watched_, SIGINT);
  sigaddset(&watched_, SIGTERM);
  sigaddset(&watched_, SIGWINCH);
  pthread_sigmask(SIG_BLOCK, &watched_, &previous_);
}

WatchSignals::~WatchSignals() {
  // What came meanwhile has done its work: it must not end the process when it is let through.
  while (leaving()) Sleep(absl::ZeroDuration());
  pthread_sigmask(SIG_SETMASK, &previous_, nullptr);
}

bool WatchSignals::leaving() const {
  sigset_t pending;
  sigemptyset(&pending);
  sigpending(&pending);
  return sigismember(&pending, SIGINT) == 1 || sigismember(&pending, SIGTERM) == 1;
}

WatchSignals::Woken WatchSignals::Sleep(absl::Duration interval) const {
  const absl::Time until = absl::Now() + interval;
  while (true) {
    const timespec left = absl::ToTimespec(std::max(until - absl::Now(), absl::ZeroDuration()));
    const int signal = sigtimedwait(&watched_, nullptr, &left);
    if (signal == SIGWINCH) return Woken::kResized;
    if (signal > 0) return Woken::kLeaving;
    if (errno != EINTR) return Woken::kTime;
  }
}

Screen::Screen(std::ostream& out, int fd) : out_(out), fd_(fd) { out_ << kEnter << std::flush; }

Screen::~Screen() { out_ << kLeave << std::flush; }

TerminalSize Screen::size() const {
  TerminalSize size = SizeOfTerminal(fd_);
  if (size.columns == 0) size.columns = 80;
  if (size.rows == 0) size.rows = 24;
  return size;
}

void Screen::Draw(const std::string& text) {
  std::vector<std::string> lines = absl::StrSplit(text, '\n');
  if (!lines.empty() && lines.back().empty()) lines.pop_back();
  const auto [columns, rows] = size();
  if (lines.size() > rows) {
    std::string more = absl::StrCat("… and ", lines.size() - rows + 1, " more lines");
    lines.resize(rows - 1);
    lines.push_back(std::move(more));
  }
  // One write, and each line clears what was there behind it: nothing flickers.
  std::string frame = kHome;
  for (size_t i = 0; i < lines.size(); ++i) {
    absl::StrAppend(&frame, i > 0 ? "\r\n" : "", Cut(lines[i], columns), kClearToLineEnd);
  }
  out_ << frame << kClearBelow << std::flush;
}

}  // namespace bpa::controller
