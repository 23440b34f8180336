// bpactl run in the test's process.
#ifndef BPA_TESTS_CONTROLLER_RUN_BPACTL_H_
#define BPA_TESTS_CONTROLLER_RUN_BPACTL_H_

#include <sstream>
#include <string>
#include <vector>

#include "controller/cli.h"

namespace bpa::controller {

struct Ran {
  int exit_code;
  std::string out;
  std::string err;
};

// `input` is what is typed.
inline Ran Bpactl(std::vector<std::string> arguments, const std::string& input = "") {
  arguments.insert(arguments.begin(), "bpactl");
  std::vector<const char*> argv;
  argv.reserve(arguments.size());
  for (const std::string& argument : arguments) argv.push_back(argument.c_str());
  std::istringstream in(input);
  std::ostringstream out;
  std::ostringstream err;
  GlobalOptions global(in, out, err);
  const int code = RunCommandLine(static_cast<int>(argv.size()), argv.data(), global);
  return {code, out.str(), err.str()};
}

}  // namespace bpa::controller

#endif  // BPA_TESTS_CONTROLLER_RUN_BPACTL_H_
