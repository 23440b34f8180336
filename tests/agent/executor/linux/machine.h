// A machine that tests may mount, format and break: each test program runs in its own mount and PID
// namespaces (machine.cc has the main function), with loop devices that vanish with it.
#ifndef BPA_TESTS_AGENT_EXECUTOR_LINUX_MACHINE_H_
#define BPA_TESTS_AGENT_EXECUTOR_LINUX_MACHINE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/executor/host.h"

namespace bpa::executor {

// Runs a command line and fails the test if that does.
void Shell(const std::string& command_line);

void WriteFile(const std::string& path, std::string_view contents);
std::string ReadAll(const std::string& path);

// A new directory, removed in the end.
class Scratch {
 public:
  Scratch();
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

// A mount that ends with the scope.
class TestMount {
 public:
  TestMount(const std::string& source, const std::string& target, const std::string& type,
            unsigned long flags = 0, const std::string& data = "");
  ~TestMount();
  TestMount(const TestMount&) = delete;
  TestMount& operator=(const TestMount&) = delete;

 private:
  std::string target_;
};

// A loop device over a sparse file. The kernel detaches it when the last descriptor is closed, also
// that of a killed test.
class LoopDisk {
 public:
  explicit LoopDisk(uint64_t bytes);
  ~LoopDisk();
  LoopDisk(const LoopDisk&) = delete;
  LoopDisk& operator=(const LoopDisk&) = delete;

  const std::string& node() const { return node_; }
  const std::string& file() const { return file_; }
  // As FindDisk has it.
  Disk disk() const;
  void Write(uint64_t offset, std::string_view bytes) const;
  // Also tells the kernel.
  void Resize(uint64_t bytes) const;
  // Tells the kernel of a partition (not every kernel can read partition tables); and takes it
  // back, which must be done: it would outlive the disk.
  void AddPartition() const;
  void RemovePartition() const;
  // From here on reads beyond `bytes` fail.
  void BreakBeyond(uint64_t bytes) const;

 private:
  Scratch scratch_;
  std::string file_;
  std::string node_;
  int fd_ = -1;
};

// A child process that runs `work` and then waits to be killed; returns once `work` has ended.
// Killed and reaped in the end.
class Child {
 public:
  explicit Child(const std::function<void()>& work);
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_;
};

// Runs `work` in a child and kills it with SIGKILL after `microseconds`, unless it ended before.
// Returns whether it had to be killed.
bool KilledAfter(int microseconds, const std::function<void()>& work);

inline const absl::Status& StatusOf(const absl::Status& status) { return status; }
template <typename T>
const absl::Status& StatusOf(const absl::StatusOr<T>& result) {
  return result.status();
}

MATCHER(IsOk, "") {
  *result_listener << StatusOf(arg).ToString();
  return arg.ok();
}
MATCHER_P2(FailsWith, code, text, "") {
  *result_listener << StatusOf(arg).ToString();
  return StatusOf(arg).code() == code &&
         testing::ExplainMatchResult(testing::HasSubstr(text), std::string(StatusOf(arg).message()),
                                     result_listener);
}

}  // namespace bpa::executor

#endif  // BPA_TESTS_AGENT_EXECUTOR_LINUX_MACHINE_H_
