#ifndef BPA_AGENT_EXECUTOR_LINUX_DIRECTORY_NAMES_H_
#define BPA_AGENT_EXECUTOR_LINUX_DIRECTORY_NAMES_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace bpa::executor {

// What an open directory (not O_PATH) holds, without `.` and `..`, sorted by bytes. Leaves the
// descriptor and its position alone. `shown` is for errors.
absl::StatusOr<std::vector<std::string>> DirectoryNames(int fd, const std::string& shown);

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_LINUX_DIRECTORY_NAMES_H_
