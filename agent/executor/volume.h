// A disk with a filesystem on a mount point, by fstab.
#ifndef BPA_AGENT_EXECUTOR_VOLUME_H_
#define BPA_AGENT_EXECUTOR_VOLUME_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/executor/desired_state.h"
#include "agent/executor/host.h"
#include "agent/executor/ledger.h"
#include "agent/executor/policy.h"
#include "agent/executor/resource.h"
#include "agent/executor/volume_state.h"
#include "bpa/v1/command.pb.h"

namespace bpa::executor {

// Aspects, in the order of the work: "filesystem" (a blank disk is formatted), "content" (what the
// mount would hide is copied to the volume), "fstab", "mount", "size" (the filesystem is grown).
// Whatever cannot be told, is not blank, or belongs to somebody else is refused, with what and
// where. When the mount fails, fstab is put back as it was.
class VolumeResource : public Resource {
 public:
  // `policy`, `host` and `ledger` must outlive this.
  VolumeResource(VolumeWish wish, const Policy& policy, Host& host, Ledger& ledger);

  v1::ResourceKind kind() const override { return v1::RESOURCE_KIND_VOLUME; }
  std::string name() const override { return wish_.spec.mount_point(); }
  // In APPLY, waits for the disk as long as the role says, once in this object's life.
  absl::StatusOr<std::vector<Difference>> Observe() override;
  absl::Status Converge() override;
  // Room and statistics, while the volume is mounted where it should be.
  void Measure(v1::NodeStatus& status) override;

 private:
  absl::StatusOr<Disk> AwaitDisk();
  absl::Status Apply(const Disk& disk, VolumeState& state);

  const VolumeWish wish_;
  const Policy& policy_;
  Host& host_;
  Ledger& ledger_;
  // What is left of the time to wait for a late attach: not waited for again at each call.
  absl::Duration patience_;
};

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_VOLUME_H_
