// Owner, mode, times and extended attributes (ACLs and capabilities are such) of one entry.
#ifndef BPA_AGENT_EXECUTOR_LINUX_ATTRIBUTES_H_
#define BPA_AGENT_EXECUTOR_LINUX_ATTRIBUTES_H_

#include <sys/stat.h>

#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace bpa::executor {

// Descriptors may be O_PATH ones, so that symbolic links and devices are treated like all else.
absl::StatusOr<std::map<std::string, std::string>> ReadXattrs(int fd, const std::string& shown);

// From one entry to another of the same type. Xattrs that `from` has not are left on `to`.
absl::Status CopyOwnerModeAndXattrs(int from, int to, const std::string& shown);

// Access and modification time, to the nanosecond.
absl::Status SetTimes(int fd, const struct statx& info, const std::string& shown);

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_LINUX_ATTRIBUTES_H_
