#include "tests/system/lab.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "gtest/gtest.h"

namespace bpa::system_test {
namespace {

// From the build: BPA_SOURCE_DIR, BPA_BUILD_DIR.
constexpr char kLab[] = BPA_SOURCE_DIR "/packaging/lab/lab.sh ";
constexpr char kDirectory[] = BPA_BUILD_DIR "/system-lab";
constexpr char kBpactl[] = BPA_BUILD_DIR "/controller/bpactl ";
constexpr char kPrefix[] = "bpa-t-";
// Linux's own default: what a node has that nobody has tuned.
constexpr char kUntune[] = "echo 65530 >/proc/sys/vm/max_map_count";

std::string HomePath() { return absl::StrCat(kDirectory, ".home"); }

// What the scripts and bpactl are told; the lab's own names, so that a kept quickstart can run
// beside the tests.
void SetEnvironment(int hosts) {
  setenv("BPA_LAB_PREFIX", kPrefix, 1);
  setenv("BPA_LAB_SUBNET", "10.89.7", 1);
  setenv("BPA_LAB_DIR", kDirectory, 1);
  setenv("BPA_LAB_BUILD", BPA_BUILD_DIR, 1);
  // Nothing starts executors but the tests.
  setenv("BPA_LAB_DRIFT_INTERVAL", "off", 1);
  setenv("BPA_LAB_HOSTS", std::to_string(hosts).c_str(), 1);
  setenv("BPA_HOME", HomePath().c_str(), 1);
}

std::string ReadAll(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

}  // namespace

std::string ShellQuoted(const std::string& text) {
  return absl::StrCat("'", absl::StrReplaceAll(text, {{"'", "'\\''"}}), "'");
}

ProgramResult RunScript(const std::string& script) {
  const std::string command =
      absl::StrCat("exec bash -c ", ShellQuoted(script), " 2>&1 </dev/null");
  FILE* pipe = popen(command.c_str(), "re");
  if (pipe == nullptr) return {.exit_code = -1, .output = "popen failed"};
  ProgramResult result{};
  char buffer[4096];
  for (size_t got; (got = fread(buffer, 1, sizeof buffer, pipe)) > 0;) {
    result.output.append(buffer, got);
  }
  const int status = pclose(pipe);
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result;
}

std::string MustRun(const std::string& script) {
  const ProgramResult result = RunScript(script);
  EXPECT_EQ(result.exit_code, 0) << script << "\n" << result.output;
  return result.output;
}

std::string Difference(const std::string& before, const std::string& after) {
  const std::multiset<std::string> old_lines = absl::StrSplit(before, '\n');
  const std::multiset<std::string> new_lines = absl::StrSplit(after, '\n');
  std::vector<std::string> gone, come;
  std::set_difference(old_lines.begin(), old_lines.end(), new_lines.begin(), new_lines.end(),
                      std::back_inserter(gone));
  std::set_difference(new_lines.begin(), new_lines.end(), old_lines.begin(), old_lines.end(),
                      std::back_inserter(come));
  std::string difference;
  for (const std::string& line : gone) absl::StrAppend(&difference, "- ", line, "\n");
  for (const std::string& line : come) absl::StrAppend(&difference, "+ ", line, "\n");
  return difference;
}

Lab::Lab(int hosts) : home_(HomePath()) {
  SetEnvironment(hosts);
  MustRun(absl::StrCat(kLab, "down; rm -rf ", HomePath(), "; ", kUntune, "; ", kLab, "up && ", kLab,
                       "cluster ", kBpactl));
}

Lab::~Lab() { MustRun(absl::StrCat(kLab, "down; rm -rf ", HomePath(), "; ", kUntune)); }

controller::Cluster Lab::cluster() const {
  absl::StatusOr<controller::Cluster> cluster = home_.ReadCluster();
  EXPECT_TRUE(cluster.ok()) << cluster.status();
  return cluster.ok() ? *std::move(cluster) : controller::Cluster{};
}

ProgramResult Lab::Bpactl(const std::string& arguments) const {
  return RunScript(absl::StrCat(kBpactl, arguments));
}

std::string Lab::Enter(int host, const std::string& command) const {
  return MustRun(absl::StrCat(kLab, "enter ", host, " bash -c ", ShellQuoted(command)));
}

void Lab::Reset(int host) const { MustRun(absl::StrCat(kLab, "reset ", host, " && ", kUntune)); }

std::string Lab::Snapshot(int host) const { return MustRun(absl::StrCat(kLab, "snapshot ", host)); }

std::string Lab::Check(int host) const {
  const ProgramResult result = RunScript(absl::StrCat(kLab, "check ", host));
  return result.exit_code == 0 ? "" : absl::StrCat("not as wanted:\n", result.output);
}

pid_t Lab::FindProgram(int host, const std::string& program) const {
  struct stat host_net = {};
  if (stat(absl::StrCat("/run/netns/", kPrefix, host).c_str(), &host_net) != 0) return 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string path = entry.path();
    if (ReadAll(absl::StrCat(path, "/comm")) != absl::StrCat(program, "\n")) continue;
    struct stat net = {};
    if (stat(absl::StrCat(path, "/ns/net").c_str(), &net) == 0 && net.st_ino == host_net.st_ino) {
      return static_cast<pid_t>(std::stol(entry.path().filename()));
    }
  }
  return 0;
}

bool Lab::KillProgram(int host, const std::string& program) const {
  const pid_t pid = FindProgram(host, program);
  if (pid == 0) return false;
  kill(pid, SIGKILL);
  // Not our child: there is nothing to wait on but its entry in /proc.
  while (FindProgram(host, program) == pid) absl::SleepFor(absl::Milliseconds(2));
  return true;
}

std::string Lab::RootPath(int host, const std::string& path) const {
  return absl::StrCat(kDirectory, "/", host, "/root", path);
}

std::string Lab::ReadRootFile(int host, const std::string& path) const {
  return ReadAll(RootPath(host, path));
}

std::string Lab::ForeignFstab(int host) const {
  return ReadAll(absl::StrCat(kDirectory, "/", host, "/pristine/fstab"));
}

}  // namespace bpa::system_test
