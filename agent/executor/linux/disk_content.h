// What is on a disk: the decision on which formatting depends.
#ifndef BPA_AGENT_EXECUTOR_LINUX_DISK_CONTENT_H_
#define BPA_AGENT_EXECUTOR_LINUX_DISK_CONTENT_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/executor/host.h"

namespace bpa::executor {

struct DiskFinding {
  DiskProbe probe;
  // Data, but no signature or partition table of any kind.
  bool only_data = false;
  // One signature, of xfs or ext4, and no partition table; its uuid, whether or not its superblock
  // is whole. Otherwise empty.
  std::string only_uuid;
};

// How much of either end must read as zeros before a disk counts as blank.
inline constexpr uint64_t kEndBytes = uint64_t{4} << 20;

// Looks at an open disk of `size` bytes, which the caller has locked. DataLoss on a read error.
absl::StatusOr<DiskFinding> ExamineDisk(int fd, uint64_t size, const std::string& shown);

// The uuid of the filesystem on an open disk, lower case; empty if there is none or it cannot be
// told. A hint for finding a disk, not for judging one.
std::string FilesystemUuid(int fd);

// Writes zeros over both ends, durably.
absl::Status WipeEnds(int fd, uint64_t size, const std::string& shown);

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_LINUX_DISK_CONTENT_H_
