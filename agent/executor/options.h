// The command line of bpa-executor.
#ifndef BPA_AGENT_EXECUTOR_OPTIONS_H_
#define BPA_AGENT_EXECUTOR_OPTIONS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/executor/config.h"

namespace bpa::executor {

extern const char kUsage[];
// "bpa-executor 0.1.0\n".
std::string VersionLine();

struct Options {
  enum class Action { kServe, kCheckConfig, kMakeKeys, kPrintVersion, kPrintUsage };
  Action action = Action::kServe;
  std::string config_path = kDefaultConfigPath;
};

// InvalidArgument names the argument that is not understood. Not reentrant (getopt_long).
absl::StatusOr<Options> ParseOptions(int argc, char** argv);

// Writes to standard output; fails when that does (a full disk, a closed pipe).
absl::Status Print(const std::string& text);

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_OPTIONS_H_
