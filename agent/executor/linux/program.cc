#include "agent/executor/linux/program.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "agent/executor/linux/paths.h"
#include "proto/trusted_file.h"

namespace bpa::executor {
namespace {

constexpr size_t kKeptOutput = 2048;
constexpr int kExecFailed = 127;

absl::StatusOr<std::string> FindProgram(const std::string& name) {
  for (const char* directory : {"/usr/sbin/", "/sbin/", "/usr/bin/", "/bin/"}) {
    std::string path = directory + name;
    if (access(path.c_str(), X_OK) == 0) return path;
  }
  return absl::FailedPreconditionError(absl::StrCat(
      name,
      " is not installed on this machine; install the package that brings it (xfsprogs for "
      "mkfs.xfs, e2fsprogs for mkfs.ext4)"));
}

struct Child {
  const char* path;
  char* const* arguments;
  int null;
  int output;
  int inherited;
  pid_t parent;
};

// The agent is the last that the kernel may kill for memory; what it starts is like any other
// program. Where that cannot be said the program runs all the same.
void ResetOomScore() {
  const int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (fd < 0) return;
  [[maybe_unused]] const ssize_t written = write(fd, "0", 1);
  close(fd);
}

// Between fork and exec of a program with threads: only async-signal-safe calls.
[[noreturn]] void ExecChild(const Child& child) {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != child.parent) _exit(kExecFailed);  // it died before that took hold
  ResetOomScore();
  // Above everything that dup2 is about to replace.
  const int null = fcntl(child.null, F_DUPFD, 64);
  const int output = fcntl(child.output, F_DUPFD, 64);
  const int inherited = fcntl(child.inherited, F_DUPFD, 64);
  if (dup2(null, 0) == 0 && dup2(output, 1) == 1 && dup2(output, 2) == 2 &&
      dup2(inherited, kInheritedFd) == kInheritedFd &&
      syscall(SYS_close_range, kInheritedFd + 1, ~0U, 0) == 0) {
    char* const empty[] = {nullptr};
    execve(child.path, child.arguments, empty);
  }
  _exit(kExecFailed);
}

// Everything up to the end, of which only the last part is kept.
std::string DrainOutput(int fd) {
  std::string output;
  std::array<char, 1024> buffer;
  for (;;) {
    const ssize_t count = read(fd, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    output.append(buffer.data(), static_cast<size_t>(count));
    if (output.size() > kKeptOutput) output.erase(0, output.size() - kKeptOutput);
  }
  return std::string(absl::StripAsciiWhitespace(output));
}

absl::Status Outcome(const std::string& name, int status, const std::string& output) {
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return absl::OkStatus();
  const std::string how = WIFSIGNALED(status)
                              ? absl::StrCat("was killed by signal ", WTERMSIG(status))
                              : absl::StrCat("failed with exit code ", WEXITSTATUS(status));
  return absl::InternalError(absl::StrCat(name, " ", how, output.empty() ? "" : ": ", output));
}

}  // namespace

absl::Status RunProgram(const std::string& name, const std::vector<std::string>& arguments,
                        int inherited) {
  absl::StatusOr<std::string> path = FindProgram(name);
  if (!path.ok()) return path.status();
  std::vector<char*> argv = {path->data()};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const FileDescriptor null(open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!null.valid()) return ErrnoStatus(errno, "open", "/dev/null");
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return ErrnoStatus(errno, "pipe2", name);
  const FileDescriptor ours(ends[0]);
  FileDescriptor theirs(ends[1]);
  const Child child = {.path = path->c_str(),
                       .arguments = argv.data(),
                       .null = null.get(),
                       .output = theirs.get(),
                       .inherited = inherited,
                       .parent = getpid()};
  const pid_t pid = fork();
  if (pid < 0) return ErrnoStatus(errno, "fork", name);
  if (pid == 0) ExecChild(child);
  theirs.Close();
  const std::string output = DrainOutput(ours.get());
  int status = 0;
  while (waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) return ErrnoStatus(errno, "waitpid", name);
  }
  return Outcome(name, status, output);
}

}  // namespace bpa::executor
