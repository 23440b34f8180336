// How far a volume is from what is wanted. Looks, and changes nothing.
#ifndef BPA_AGENT_EXECUTOR_VOLUME_STATE_H_
#define BPA_AGENT_EXECUTOR_VOLUME_STATE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/executor/desired_state.h"
#include "agent/executor/fstab.h"
#include "agent/executor/host.h"
#include "agent/executor/ledger.h"
#include "agent/executor/policy.h"
#include "agent/executor/resource.h"
#include "bpa/v1/command.pb.h"

namespace bpa::executor {

inline constexpr char kFstab[] = "/etc/fstab";
// A filesystem that is smaller than its disk by less is as large as it gets: sizes are rounded to
// allocation groups and block groups.
inline constexpr uint64_t kGrowThresholdBytes = uint64_t{16} * 1024 * 1024;

// What is wanted, of which disk, by whom.
struct VolumeWish {
  v1::Volume spec;
  v1::VolumeSource source;
  std::string node;
  CommandContext context;

  Filesystem filesystem() const;
};

struct VolumeState {
  bool mounted = false;
  // A filesystem is to be made; `uuid` is empty unless an interrupted format had chosen one.
  bool format = false;
  // Our own format of this disk was begun and not finished.
  bool unfinished = false;
  std::string uuid;
  // The ledger holds a format of this disk as unfinished that is none any more.
  bool stale_intent = false;
  uint64_t filesystem_bytes = 0;  // 0 while there is no filesystem, or while it cannot be told
  bool mount_point_missing = false;
  // What lies in the mount point's directory and is to be copied; meaningful if `migrate`.
  bool migrate = false;
  TreeSummary hidden;
  // Migration::active of the copy, until the volume is mounted.
  std::shared_ptr<const void> active;
  // The file as it is; nullopt if there is none.
  std::optional<std::string> fstab_text;
  bool grow = false;
  std::vector<Difference> differences;
};

// Whether what the mount would hide conflicts with what the volume holds. To look for that mounts
// the volume, which takes longer than all the rest; the copy finds out for itself before it writes.
enum class Conflicts { kLookFor, kLookedForBefore };

// Fails where no change may be made from the present state: see VolumeResource.
absl::StatusOr<VolumeState> InspectVolume(const VolumeWish& wish, const Disk& disk,
                                          Conflicts conflicts, const Policy& policy, Host& host,
                                          Ledger& ledger);

// What is said when the volume and the directory that it would cover have `conflicts`, which are
// not none (Migration::conflicts).
absl::Status RefuseConflicts(const VolumeWish& wish, const Disk& disk,
                             const std::vector<std::string>& conflicts);

// Our fstab line for the filesystem `uuid`.
OwnMount WantedMount(const VolumeWish& wish, const std::string& uuid);

// FailedPrecondition, naming them, while processes write below the mount point or stand in it: they
// would go on in what the mount hides.
absl::Status CheckNobodyWrites(const VolumeWish& wish, Host& host);

// FailedPrecondition unless the disk is what is seen at the mount point, as the wanted filesystem.
absl::Status CheckMounted(const VolumeWish& wish, const Disk& disk, const MountEntry& mount);

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_VOLUME_STATE_H_
