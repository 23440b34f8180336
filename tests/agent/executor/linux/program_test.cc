#include "agent/executor/linux/program.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "agent/executor/linux/paths.h"
#include "tests/agent/executor/linux/machine.h"

namespace bpa::executor {
namespace {

class ProgramTest : public testing::Test {
 protected:
  absl::Status Run(const std::string& script) {
    absl::StatusOr<FileDescriptor> fd = OpenPath(scratch_.path(), O_RDONLY | O_DIRECTORY);
    EXPECT_THAT(fd, IsOk());
    return RunProgram("sh", {"-c", script}, fd->get());
  }

  Scratch scratch_;
};

TEST_F(ProgramTest, GivesAnEmptyEnvironmentNoInputAndOneDescriptor) {
  setenv("BPA_LEAK", "1", 1);
  // Left open on purpose, without O_CLOEXEC.
  const int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
  const int leak = dup2(null, 50);
  EXPECT_THAT(Run("test -z \"$BPA_LEAK\" && ! read line && "
                  "test \"$(readlink /proc/self/fd/3)\" = " +
                  scratch_.path() + absl::StrCat(" && ! test -e /proc/self/fd/", leak)),
              IsOk());
  close(leak);
  close(null);
}

TEST_F(ProgramTest, GivesTheKernelsOrdinaryOomScore) {
  // The agent's own is below that of guaranteed pods; any other shows the same here.
  std::ofstream("/proc/self/oom_score_adj") << 17;
  EXPECT_THAT(Run("test \"$(cat /proc/self/oom_score_adj)\" = 0"), IsOk());
  EXPECT_EQ(ReadAll("/proc/self/oom_score_adj"), "17\n");
}

TEST_F(ProgramTest, SaysHowItFailedAndTheEndOfWhatItPrinted) {
  EXPECT_THAT(
      Run("echo on stdout; echo on stderr >&2; exit 3"),
      FailsWith(absl::StatusCode::kInternal, "sh failed with exit code 3: on stdout\non stderr"));
  EXPECT_THAT(Run("kill -9 $$"), FailsWith(absl::StatusCode::kInternal, "killed by signal 9"));
  const absl::Status much = Run("yes | head -c 1000000; echo the end; exit 1");
  EXPECT_THAT(much, FailsWith(absl::StatusCode::kInternal, "the end"));
  EXPECT_LT(much.message().size(), 3000U);
}

TEST_F(ProgramTest, NamesAProgramThatIsNotInstalled) {
  EXPECT_THAT(RunProgram("mkfs.nothing", {}, 0),
              FailsWith(absl::StatusCode::kFailedPrecondition, "mkfs.nothing is not installed"));
}

TEST_F(ProgramTest, TakesItAlongWhenWeAreKilled) {
  const std::string pid_file = scratch_ / "pid";
  const pid_t parent = fork();
  if (parent == 0) {
    static_cast<void>(Run("echo $$ > " + pid_file + ".new; mv " + pid_file + ".new " + pid_file +
                          "; exec sleep 1000"));
    _exit(1);
  }
  while (!std::filesystem::exists(pid_file)) usleep(1000);
  const std::string pid = ReadAll(pid_file);
  kill(parent, SIGKILL);
  waitpid(parent, nullptr, 0);
  // The init of this namespace reaps it.
  const std::string process = "/proc/" + pid.substr(0, pid.find('\n'));
  for (int i = 0; i < 5000 && std::filesystem::exists(process); ++i) usleep(1000);
  EXPECT_FALSE(std::filesystem::exists(process));
}

}  // namespace
}  // namespace bpa::executor
