// Which disk of this machine a command means.
#ifndef BPA_AGENT_EXECUTOR_VOLUME_FIND_H_
#define BPA_AGENT_EXECUTOR_VOLUME_FIND_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/executor/host.h"
#include "agent/executor/policy.h"
#include "bpa/v1/command.pb.h"

namespace bpa::executor {

// "vol-0abc..." or the device node: how fstab and messages name the source.
std::string VolumeName(const v1::VolumeSource& source);

// What the ledger knows a disk by: its serial, or its node where it has none.
std::string DiskIdentity(const Disk& disk);

// "/dev/nvme1n1 (vol-0abc...)".
std::string DescribeDisk(const Disk& disk, const v1::VolumeSource& source);

// By EBS volume id: exactly one disk with that serial, of a model that the policy allows. By device
// node: that disk, where the policy allows the node. NotFound, saying what there is, while it is
// not attached; FailedPrecondition for two matches, naming both; PermissionDenied for a model.
absl::StatusOr<Disk> FindVolumeDisk(const v1::VolumeSource& source, const Policy& policy,
                                    Host& host);

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_VOLUME_FIND_H_
