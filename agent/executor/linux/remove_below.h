#ifndef BPA_AGENT_EXECUTOR_LINUX_REMOVE_BELOW_H_
#define BPA_AGENT_EXECUTOR_LINUX_REMOVE_BELOW_H_

#include <string>

#include "absl/status/status.h"

namespace bpa::executor {

// Removes `name` in the open directory, with everything below it if it is a directory. OK if there
// is none. FailedPrecondition at a mount point; what was removed before stays removed. Goes on
// where a crash or somebody who still writes there left it. `shown` is for errors.
absl::Status RemoveBelow(int directory, const std::string& name, const std::string& shown);

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_LINUX_REMOVE_BELOW_H_
