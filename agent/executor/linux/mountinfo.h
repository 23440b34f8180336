// /proc/<pid>/mountinfo, see proc_pid_mountinfo(5).
#ifndef BPA_AGENT_EXECUTOR_LINUX_MOUNTINFO_H_
#define BPA_AGENT_EXECUTOR_LINUX_MOUNTINFO_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/executor/host.h"

namespace bpa::executor {

// In the file's order, octal escapes undone. `options` are those of the mount and then those of the
// filesystem. Malformed lines are an error (Internal, with the line): a mount that is overlooked
// can cost data.
absl::StatusOr<std::vector<MountEntry>> ParseMountInfo(std::string_view text);

// Reads and parses it.
absl::StatusOr<std::vector<MountEntry>> ReadMountInfo(const std::string& path);

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_LINUX_MOUNTINFO_H_
