// A filesystem that is mounted nowhere: only through the descriptor can it be reached, and with its
// last descriptor, by whatever end, it is unmounted.
#ifndef BPA_AGENT_EXECUTOR_LINUX_DETACHED_MOUNT_H_
#define BPA_AGENT_EXECUTOR_LINUX_DETACHED_MOUNT_H_

#include <string>

#include "absl/status/statusor.h"
#include "agent/executor/host.h"
#include "agent/executor/linux/paths.h"

namespace bpa::executor {

enum class MountAccess {
  kReadWrite,
  kReadOnly,  // and the log is not replayed: not one byte is written
};

class DetachedMount {
 public:
  // Mounts the open block device `device`; `shown` is its node. FailedPrecondition, with what the
  // kernel says, if it cannot be mounted (another device with the same UUID is, for example).
  static absl::StatusOr<DetachedMount> Make(int device, Filesystem filesystem, MountAccess access,
                                            const std::string& shown);

  // The filesystem's root directory; O_RDONLY.
  int root() const { return root_.get(); }

 private:
  DetachedMount(FileDescriptor mount, FileDescriptor root)
      : mount_(std::move(mount)), root_(std::move(root)) {}

  FileDescriptor mount_;
  FileDescriptor root_;
};

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_LINUX_DETACHED_MOUNT_H_
