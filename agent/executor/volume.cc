#include "agent/executor/volume.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/executor/covering_mount.h"
#include "agent/executor/describe.h"
#include "agent/executor/ebs_statistics.h"
#include "agent/executor/volume_find.h"
#include "agent/executor/volume_prepare.h"

namespace bpa::executor {
namespace {

// The only devices that are asked for EBS's own log page.
constexpr char kEbsModel[] = "Amazon Elastic Block Store";
constexpr absl::Duration kAttachPoll = absl::Milliseconds(250);

}  // namespace

VolumeResource::VolumeResource(VolumeWish wish, const Policy& policy, Host& host, Ledger& ledger)
    : wish_(std::move(wish)),
      policy_(policy),
      host_(host),
      ledger_(ledger),
      patience_(wish_.context.mode == v1::MODE_APPLY
                    ? absl::Seconds(wish_.spec.attach_timeout_seconds())
                    : absl::ZeroDuration()) {}

absl::StatusOr<std::vector<Difference>> VolumeResource::Observe() {
  const absl::StatusOr<Disk> disk = AwaitDisk();
  if (!disk.ok()) return disk.status();
  const bool planned = wish_.context.mode == v1::MODE_APPLY && wish_.context.reviewed;
  absl::StatusOr<VolumeState> state =
      InspectVolume(wish_, *disk, planned ? Conflicts::kLookedForBefore : Conflicts::kLookFor,
                    policy_, host_, ledger_);
  if (!state.ok()) return state.status();
  return std::move(state->differences);
}

absl::Status VolumeResource::Converge() {
  const absl::StatusOr<Disk> disk = AwaitDisk();
  if (!disk.ok()) return disk.status();
  absl::StatusOr<VolumeState> state =
      InspectVolume(wish_, *disk, Conflicts::kLookedForBefore, policy_, host_, ledger_);
  if (!state.ok()) return state.status();
  if (state->differences.empty()) return absl::OkStatus();
  return Apply(*disk, *state);
}

void VolumeResource::Measure(v1::NodeStatus& status) {
  const absl::StatusOr<Disk> disk = FindVolumeDisk(wish_.source, policy_, host_);
  const absl::StatusOr<std::vector<MountEntry>> mounts = host_.ReadMounts();
  if (!disk.ok() || !mounts.ok()) return;
  const std::optional<MountEntry> top = TopMount(*mounts, name());
  if (!top || top->device_number != disk->device_number) return;
  const absl::StatusOr<FilesystemRoom> room = host_.MeasureRoom(name());
  if (!room.ok()) return;
  v1::VolumeUsage& usage = *status.add_volumes();
  usage.set_mount_point(name());
  usage.set_size_bytes(room->bytes);
  usage.set_available_bytes(room->available_bytes);
  usage.set_inodes(room->inodes);
  usage.set_available_inodes(room->available_inodes);
  if (disk->model != kEbsModel) return;
  const absl::StatusOr<std::string> page = host_.ReadLogPage(*disk, kEbsLogPage);
  if (!page.ok()) return;
  if (const auto statistics = ParseEbsStatistics(*page)) *usage.mutable_ebs() = *statistics;
}

absl::StatusOr<Disk> VolumeResource::AwaitDisk() {
  absl::Duration waited;
  for (;;) {
    absl::StatusOr<Disk> disk = FindVolumeDisk(wish_.source, policy_, host_);
    if (!absl::IsNotFound(disk.status())) return disk;
    if (patience_ <= absl::ZeroDuration()) {
      if (waited == absl::ZeroDuration()) return disk;
      return absl::NotFoundError(absl::StrCat(std::string(disk.status().message()), " (waited ",
                                              absl::FormatDuration(waited), ")"));
    }
    const absl::Duration step = std::min(kAttachPoll, patience_);
    host_.Pause(step);
    patience_ -= step;
    waited += step;
  }
}

absl::Status VolumeResource::Apply(const Disk& disk, VolumeState& state) {
  absl::Status status;
  if (state.stale_intent) status = ledger_.FinishFormat(DiskIdentity(disk));
  if (status.ok() && state.format) status = FormatVolume(wish_, disk, state, host_, ledger_);
  if (status.ok() && state.mount_point_missing) {
    status = host_.MakeDirectory(name(), 0755, std::nullopt);
    if (absl::IsAlreadyExists(status)) status = absl::OkStatus();
  }
  if (status.ok() && state.migrate) status = MigrateContent(wish_, disk, state, host_);
  if (status.ok()) status = MountByFstab(wish_, disk, state, host_);
  if (!status.ok() || !state.grow) return status;
  return InContext(absl::StrCat("growing the filesystem on ", name()), host_.Grow(name()));
}

}  // namespace bpa::executor
