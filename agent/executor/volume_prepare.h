// The steps that bring a volume to its mount point, each safe to repeat after a crash.
#ifndef BPA_AGENT_EXECUTOR_VOLUME_PREPARE_H_
#define BPA_AGENT_EXECUTOR_VOLUME_PREPARE_H_

#include "absl/status/status.h"
#include "agent/executor/host.h"
#include "agent/executor/ledger.h"
#include "agent/executor/volume_state.h"

namespace bpa::executor {

// Makes the filesystem and leaves its UUID in `state`. The ledger knows of it before the disk is
// touched, so that what a killed mkfs leaves is known for ours. Only for `state.format`.
absl::Status FormatVolume(const VolumeWish& wish, const Disk& disk, VolumeState& state, Host& host,
                          Ledger& ledger);

// Copies what the mount would hide onto the volume. Aborted if it changed while it was copied. Only
// for `state.migrate`.
absl::Status MigrateContent(const VolumeWish& wish, const Disk& disk, VolumeState& state,
                            Host& host);

// Sets our line in fstab and mounts by it. When the mount fails and fstab was changed here, fstab
// is put back as it was, unless somebody has edited it meanwhile; the error says which.
absl::Status MountByFstab(const VolumeWish& wish, const Disk& disk, const VolumeState& state,
                          Host& host);

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_VOLUME_PREPARE_H_
