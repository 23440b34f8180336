// The real bpactl on a terminal of its own.
#ifndef BPA_TESTS_CONTROLLER_TERMINAL_H_
#define BPA_TESTS_CONTROLLER_TERMINAL_H_

#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <string>
#include <string_view>
#include <vector>

namespace bpa::controller {

// A program that runs with a pseudo-terminal as its controlling terminal. Killed when the object
// goes, if it still runs.
class OnTerminal {
 public:
  explicit OnTerminal(std::vector<std::string> arguments) {
    std::vector<char*> argv;
    argv.reserve(arguments.size() + 1);
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    winsize size{.ws_row = 40, .ws_col = 120};
    pid_ = forkpty(&fd_, nullptr, nullptr, &size);
    if (pid_ == 0) {
      execv(argv[0], argv.data());
      _exit(127);
    }
  }
  ~OnTerminal() {
    if (pid_ > 0) {
      kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
    }
    close(fd_);
  }
  OnTerminal(const OnTerminal&) = delete;
  OnTerminal& operator=(const OnTerminal&) = delete;

  // Types `keys`; "\x03" is Ctrl-C, "\x04" the end of input.
  void Type(std::string_view keys) {
    EXPECT_EQ(write(fd_, keys.data(), keys.size()), static_cast<ssize_t>(keys.size()));
  }

  void Resize(unsigned short rows, unsigned short columns) {
    const winsize size{.ws_row = rows, .ws_col = columns};
    EXPECT_EQ(ioctl(fd_, TIOCSWINSZ, &size), 0);
  }

  // Waits until `text` has appeared after what was awaited before. Fails the test after a minute,
  // or when the program ends first.
  bool Await(std::string_view text) {
    while (true) {
      if (const size_t found = screen_.find(text, awaited_); found != std::string::npos) {
        awaited_ = found + text.size();
        return true;
      }
      if (!ReadMore()) {
        ADD_FAILURE() << "\"" << text << "\" did not appear in:\n" << screen_;
        return false;
      }
    }
  }

  // Reads to the end and returns the exit code; 128 plus the signal's number if one ended it.
  int Wait() {
    while (ReadMore()) {
    }
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

  // All that was printed so far.
  const std::string& screen() const { return screen_; }

 private:
  bool ReadMore() {
    pollfd readable{.fd = fd_, .events = POLLIN};
    if (poll(&readable, 1, 60'000) <= 0) return false;
    char buffer[4096];
    const ssize_t got = read(fd_, buffer, sizeof(buffer));
    if (got <= 0) return false;
    screen_.append(buffer, static_cast<size_t>(got));
    return true;
  }

  pid_t pid_ = -1;
  int fd_ = -1;
  std::string screen_;
  size_t awaited_ = 0;
};

}  // namespace bpa::controller

#endif  // BPA_TESTS_CONTROLLER_TERMINAL_H_
