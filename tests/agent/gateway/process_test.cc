// The real bpa-gateway as a process: what it refuses to be, how large it is at rest, how it ends.
#include "agent/gateway/process.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <string>
#include <vector>

#include "tests/agent/gateway/pki.h"
#include "tests/agent/gateway/scratch.h"

namespace bpa::gateway {
namespace {

using testing::HasSubstr;

// "nobody": any user but root, where the test runs as root.
constexpr uid_t kNobody = 65534;

class ProcessTest : public testing::Test {
 protected:
  ProcessTest() : manager_(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    const Pem authority = MakeAuthority();
    const Pem node = Issue(NodeSubject(), &authority);
    scratch_.Write("ca.pem", authority.certificate, 0644);
    scratch_.Write("node.pem", node.certificate, 0644);
    scratch_.Write("node.key", node.key);
    config_ = scratch_.Write("agent.yaml",
                             "cluster: c\nnode: node-1\ngateway:\n  listen: 127.0.0.1:0\n  ca: " +
                                 scratch_.Path("ca.pem") +
                                 "\n  certificate: " + scratch_.Path("node.pem") +
                                 "\n  key: " + scratch_.Path("node.key") +
                                 "\n  executor_socket: " + scratch_.Path("executor.sock") + "\n",
                             0644);
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    notify_path_ = scratch_.Path("notify");
    notify_path_.copy(address.sun_path, sizeof address.sun_path - 1);
    EXPECT_EQ(bind(manager_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    GiveToGateway();
  }

  ~ProcessTest() override {
    if (pid_ > 0) {
      kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
    }
    close(manager_);
  }

  void GiveToGateway() const {
    if (geteuid() != 0) return;
    EXPECT_EQ(chmod(scratch_.Path("").c_str(), 0755), 0);
    EXPECT_EQ(chown(scratch_.Path("node.key").c_str(), kNobody, kNobody), 0);
    EXPECT_EQ(chmod(notify_path_.c_str(), 0777), 0);
  }

  // The gateway's standard error goes to the file "log".
  void StartGateway(bool unprivileged, std::vector<std::string> environment = {}) {
    environment.push_back("NOTIFY_SOCKET=" + notify_path_);
    std::vector<char*> variables;
    variables.reserve(environment.size() + 1);
    for (std::string& variable : environment) variables.push_back(variable.data());
    variables.push_back(nullptr);
    std::string arguments[] = {"bpa-gateway", "--config", config_};
    char* argv[] = {arguments[0].data(), arguments[1].data(), arguments[2].data(), nullptr};
    // Opened before privileges go: the build may lie where only its user gets.
    const int program = open(BPA_GATEWAY, O_PATH | O_CLOEXEC);
    const int log = open(scratch_.Path("log").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    pid_ = fork();
    if (pid_ == 0) {
      dup2(log, STDERR_FILENO);
      const bool drop = unprivileged && geteuid() == 0;
      if (drop && (setresgid(kNobody, kNobody, kNobody) != 0 ||
                   setresuid(kNobody, kNobody, kNobody) != 0)) {
        _exit(126);
      }
      fexecve(program, argv, variables.data());
      _exit(127);
    }
    close(program);
    close(log);
  }

  // The next datagram to the service manager; empty after 20 s.
  std::string NextState() const {
    pollfd waited{.fd = manager_, .events = POLLIN, .revents = 0};
    if (poll(&waited, 1, 20'000) != 1) return "";
    char text[256];
    const ssize_t got = recv(manager_, text, sizeof text, 0);
    return std::string(text, got > 0 ? static_cast<size_t>(got) : 0);
  }

  int ExitStatus() {
    int status = -1;
    waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  std::string Log() const {
    std::ifstream file(scratch_.Path("log"));
    return {std::istreambuf_iterator<char>(file), {}};
  }

  // A size in /proc/PID/status, in KiB.
  int64_t Kibibytes(const std::string& name) const {
    std::ifstream file("/proc/" + std::to_string(pid_) + "/status");
    for (std::string line; std::getline(file, line);) {
      if (line.starts_with(name + ":")) return std::stoll(line.substr(name.size() + 1));
    }
    return -1;
  }

  Scratch scratch_;
  int manager_;
  std::string notify_path_;
  std::string config_;
  pid_t pid_ = -1;
};

TEST_F(ProcessTest, RefusesToBeRoot) {
  ASSERT_EQ(geteuid(), 0U) << "this test needs to be root, as tests/run.sh is";
  StartGateway(/*unprivileged=*/false);
  EXPECT_EQ(ExitStatus(), 1);
  EXPECT_THAT(Log(), HasSubstr("bpa-gateway.service"));
}

TEST_F(ProcessTest, IsSmallAtRest) {
  StartGateway(/*unprivileged=*/true);
  ASSERT_THAT(NextState(), HasSubstr("READY=1")) << Log();
  const int64_t resident = Kibibytes("VmRSS");
  EXPECT_GT(resident, 0);
  EXPECT_LE(resident, 16 * 1024);
  const int64_t anonymous = Kibibytes("RssAnon");
  EXPECT_GT(anonymous, 0);
  EXPECT_LE(anonymous, 4 * 1024);
}

TEST_F(ProcessTest, EndsAtSigterm) {
  StartGateway(/*unprivileged=*/true);
  ASSERT_THAT(NextState(), HasSubstr("READY=1")) << Log();
  kill(pid_, SIGTERM);
  EXPECT_THAT(NextState(), HasSubstr("STOPPING=1"));
  EXPECT_EQ(ExitStatus(), 0) << Log();
}

// The status, too, is as it is now: here nobody made the executor's socket.
TEST_F(ProcessTest, PingsTheWatchdogWhenAskedAndTellsItsStatus) {
  StartGateway(/*unprivileged=*/true, {"WATCHDOG_USEC=100000"});
  ASSERT_THAT(NextState(), HasSubstr("READY=1")) << Log();
  const std::string beat = "WATCHDOG=1\nSTATUS=Not ready: " + scratch_.Path("executor.sock") +
                           ": there is no such socket: systemctl start bpa-executor.socket";
  EXPECT_EQ(NextState(), beat);
  EXPECT_EQ(NextState(), beat);
}

TEST_F(ProcessTest, SaysWhatIsWrongWithItsFilesAndLeaves) {
  ASSERT_EQ(chmod(scratch_.Path("node.key").c_str(), 0644), 0);
  StartGateway(/*unprivileged=*/true);
  EXPECT_EQ(ExitStatus(), 1);
  EXPECT_THAT(Log(), testing::AllOf(HasSubstr("node.key"), HasSubstr("chmod o=")));
}

}  // namespace
}  // namespace bpa::gateway
