#ifndef BPA_AGENT_EXECUTOR_LINUX_SAME_ENTRY_H_
#define BPA_AGENT_EXECUTOR_LINUX_SAME_ENTRY_H_

#include <string>

#include "absl/status/statusor.h"
#include "agent/executor/linux/paths.h"

namespace bpa::executor {

// Opens a regular file for reading, anything else as O_PATH, following no link. `mode` is what
// statx(2) said it is.
absl::StatusOr<FileDescriptor> OpenEntry(int directory, const std::string& path, unsigned mode,
                                         const std::string& shown);

// Whether two entries (as OpenEntry opens them) have the same type, mode, owner, contents (target
// of a link, number of a device) and extended attributes. Times do not count, and neither does the
// SELinux label, which belongs to a place rather than to a file. Contents of directories are not
// looked at. `shown` is for errors.
absl::StatusOr<bool> SameEntry(int a, int b, const std::string& shown);

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_LINUX_SAME_ENTRY_H_
