// Which filesystem a path belongs on, when a role's volume is wanted above it.
#ifndef BPA_AGENT_EXECUTOR_COVERING_MOUNT_H_
#define BPA_AGENT_EXECUTOR_COVERING_MOUNT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/executor/host.h"
#include "agent/executor/resource.h"

namespace bpa::executor {

// The mount that is seen at `mount_point`: the last one there. nullopt if nothing is mounted there.
std::optional<MountEntry> TopMount(const std::vector<MountEntry>& mounts,
                                   const std::string& mount_point);

// Where something lies that a volume may have to be mounted for.
struct Covering {
  // No volume is wanted above the path, or the wanted one is mounted.
  bool known = true;
  // st_dev of that volume's filesystem: nothing may be made or changed on another one.
  std::optional<uint64_t> device;
};

// `below_volume`: mount point of the wanted volume, or empty.
absl::StatusOr<Covering> FindCovering(Host& host, const std::string& below_volume);

// FailedPrecondition unless `info` (of `path`) lies on the covering volume, where there is one.
absl::Status CheckOnVolume(const Covering& covering, const std::string& path, const FileInfo& info,
                           const std::string& below_volume);

// "unknown until /opt is mounted".
std::string UnknownUntilMounted(const std::string& below_volume);

// FailedPrecondition: what lies beneath is neither looked at nor changed before the mount is there.
absl::Status NotMounted(const std::string& path, const std::string& below_volume);

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_COVERING_MOUNT_H_
