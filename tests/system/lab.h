// Lab hosts (packaging/lab) with the real programs in them, for one test suite.
#ifndef BPA_TESTS_SYSTEM_LAB_H_
#define BPA_TESTS_SYSTEM_LAB_H_

#include <sys/types.h>

#include <memory>
#include <string>

#include "controller/cluster.h"
#include "controller/home.h"

namespace bpa::system_test {

struct ProgramResult {
  int exit_code;
  std::string output;  // standard output and error
};

// Runs a bash script with the lab's settings in its environment.
ProgramResult RunScript(const std::string& script);
// As RunScript; a failure fails the test and shows the output.
std::string MustRun(const std::string& script);
// The lines that differ between two texts; empty if none do. gtest's own comparison of strings this
// long takes all the memory there is.
std::string Difference(const std::string& before, const std::string& after);
// One word for a shell, whatever is in `text`.
std::string ShellQuoted(const std::string& text);

// Hosts 1 to `hosts` up, configured by `bpactl init`, gateways listening. One at a time per
// machine.
class Lab {
 public:
  explicit Lab(int hosts);
  ~Lab();
  Lab(const Lab&) = delete;
  Lab& operator=(const Lab&) = delete;

  const controller::Home& home() const { return home_; }
  // As cluster.yaml now has it.
  controller::Cluster cluster() const;
  controller::Node node(int host) const {
    return cluster().nodes.at(static_cast<size_t>(host) - 1);
  }

  ProgramResult Bpactl(const std::string& arguments) const;
  // A shell command inside a host, as root.
  std::string Enter(int host, const std::string& command) const;
  // Blank disk, old /opt, foreign fstab, no journal; the machine's vm.max_map_count untuned.
  void Reset(int host) const;
  // Everything that a command could change, as text.
  std::string Snapshot(int host) const;
  // Empty if the host is as the paper wants it, else what is not.
  std::string Check(int host) const;

  // Of a program in a host; 0 if it does not run.
  pid_t FindProgram(int host, const std::string& program) const;
  // Kills it and waits until it is gone; false if it did not run.
  bool KillProgram(int host, const std::string& program) const;

  // Files of a host as they lie on its root disk, beneath any mount.
  std::string RootPath(int host, const std::string& path) const;
  std::string ReadRootFile(int host, const std::string& path) const;
  // What /etc/fstab held before any command.
  std::string ForeignFstab(int host) const;

 private:
  controller::Home home_;
};

}  // namespace bpa::system_test

#endif  // BPA_TESTS_SYSTEM_LAB_H_
