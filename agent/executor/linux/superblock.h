// What libblkid does not tell about a filesystem.
#ifndef BPA_AGENT_EXECUTOR_LINUX_SUPERBLOCK_H_
#define BPA_AGENT_EXECUTOR_LINUX_SUPERBLOCK_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"
#include "agent/executor/host.h"

namespace bpa::executor {

// How much of a device's start FilesystemBytes needs.
inline constexpr size_t kSuperblockBytes = 4096;

// Blocks times block size, from the first bytes of a device. DataLoss if they are too few or hold
// no superblock of that kind.
absl::StatusOr<uint64_t> FilesystemBytes(Filesystem filesystem, std::string_view start);

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_LINUX_SUPERBLOCK_H_
