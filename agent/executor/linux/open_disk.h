// A disk opened for reading or for making a filesystem: the right one, locked, and not in use.
#ifndef BPA_AGENT_EXECUTOR_LINUX_OPEN_DISK_H_
#define BPA_AGENT_EXECUTOR_LINUX_OPEN_DISK_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/executor/host.h"
#include "agent/executor/linux/paths.h"

namespace bpa::executor {

// Opens the node with `access` (O_RDONLY or O_RDWR) and checks on the open device that number, size
// and serial are still those of `disk`: FailedPrecondition if another has taken its name. From here
// on only the descriptor may be used.
absl::StatusOr<FileDescriptor> OpenDisk(const Disk& disk, int access);

enum class MountedIs { kFine, kInUse };
// FailedPrecondition that says by what: partitions, devices upon it, swap, an exclusive opener.
absl::Status CheckNotInUse(const Disk& disk, int fd, MountedIs mounted);

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_LINUX_OPEN_DISK_H_
