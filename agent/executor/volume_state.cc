#include "agent/executor/volume_state.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "agent/executor/covering_mount.h"
#include "agent/executor/describe.h"
#include "agent/executor/path.h"
#include "agent/executor/volume_find.h"

namespace bpa::executor {
namespace {

// Stands for the UUID in the plan of a disk that has no filesystem yet.
constexpr char kFutureUuid[] = "(made-when-formatted)";

// One look at one volume.
class Inspector {
 public:
  Inspector(const VolumeWish& wish, const Disk& disk, Conflicts conflicts, const Policy& policy,
            Host& host, Ledger& ledger)
      : wish_(wish),
        disk_(disk),
        conflicts_(conflicts),
        policy_(policy),
        host_(host),
        ledger_(ledger) {}

  absl::StatusOr<VolumeState> Inspect() {
    absl::Status status = InspectMounts();
    if (status.ok()) status = InspectFilesystem();
    if (status.ok() && !state_.mounted) status = InspectHidden();
    if (status.ok()) status = InspectFstab();
    if (!status.ok()) return status;
    if (!state_.mounted) {
      Add("mount", "not mounted",
          absl::StrCat(disk_.node, " on ", mount_point(), " (", wanted_name(), ")"));
    }
    status = InspectSize();
    if (!status.ok()) return status;
    return std::move(state_);
  }

 private:
  const std::string& mount_point() const { return wish_.spec.mount_point(); }
  std::string wanted_name() const { return std::string(FilesystemName(wish_.filesystem())); }
  std::string disk_name() const { return DescribeDisk(disk_, wish_.source); }
  void Add(std::string aspect, std::string before, std::string after) {
    state_.differences.push_back({std::move(aspect), std::move(before), std::move(after)});
  }
  absl::Status Refuse(const std::string& why) const {
    return absl::FailedPreconditionError(absl::StrCat(disk_name(), " ", why));
  }
  absl::Status Denied(const char* act, const char* instead) const {
    return absl::PermissionDeniedError(absl::StrCat("policy.allow in agent.yaml does not list '",
                                                    act, "', and ", disk_name(),
                                                    " needs it: ", instead));
  }

  absl::Status InspectMounts();
  absl::Status InspectFilesystem();
  absl::Status JudgeProbe(const DiskProbe& probe);
  absl::Status JudgeBlank(const DiskProbe& probe);
  absl::Status CheckMayFormat() const;
  absl::Status InspectHidden();
  absl::Status JudgeHidden(const std::vector<std::string>& names);
  absl::Status InspectConflicts();
  absl::Status InspectFstab();
  absl::Status InspectSize();

  const VolumeWish& wish_;
  const Disk& disk_;
  const Conflicts conflicts_;
  const Policy& policy_;
  Host& host_;
  Ledger& ledger_;
  std::optional<FormatIntent> intent_;
  VolumeState state_;
};

absl::Status Inspector::InspectMounts() {
  const absl::StatusOr<std::vector<MountEntry>> mounts = host_.ReadMounts();
  if (!mounts.ok()) return mounts.status();
  for (const MountEntry& mount : *mounts) {
    if (mount.mount_point == "/" && mount.device_number == disk_.device_number) {
      return Refuse("is the disk of this node's root filesystem: it is not touched");
    }
  }
  if (const std::optional<MountEntry> top = TopMount(*mounts, mount_point())) {
    absl::Status right = CheckMounted(wish_, disk_, *top);
    // Mounted where it belongs: parts of it may be bound elsewhere, as kubelet does for its pods.
    state_.mounted = right.ok();
    return right;
  }
  for (const MountEntry& mount : *mounts) {
    if (mount.device_number == disk_.device_number) {
      return Refuse(absl::StrCat("is mounted on ", mount.mount_point, " and wanted on ",
                                 mount_point(), ": unmount it there, or correct the role"));
    }
    if (IsAtOrBelow(mount.mount_point, mount_point())) {
      return absl::FailedPreconditionError(
          absl::StrCat("a mount on ", mount_point(), " would hide ", mount.source, " on ",
                       mount.mount_point, ": unmount that first, then run again"));
    }
  }
  return absl::OkStatus();
}

absl::Status Inspector::InspectFilesystem() {
  absl::StatusOr<std::optional<FormatIntent>> intent =
      ledger_.UnfinishedFormat(DiskIdentity(disk_));
  if (!intent.ok()) return intent.status();
  intent_ = *std::move(intent);
  const absl::StatusOr<DiskProbe> probe = host_.ProbeDisk(disk_);
  if (!probe.ok()) return InContext(disk_name(), probe.status());
  return JudgeProbe(*probe);
}

absl::Status Inspector::JudgeProbe(const DiskProbe& probe) {
  // What a killed mkfs of ours left is told by the ledger; the host looks again when it formats.
  const bool ours = intent_ && intent_->size_bytes == disk_.size_bytes && !state_.mounted;
  const bool half_made =
      ours && (probe.content == DiskContent::kOther ||
               (probe.content == DiskContent::kFilesystem && probe.uuid == intent_->uuid));
  if (probe.content == DiskContent::kBlank || half_made) {
    if (ours) state_.uuid = intent_->uuid;
    state_.unfinished = ours;
    return JudgeBlank(probe);
  }
  if (probe.content == DiskContent::kOther) {
    return Refuse(absl::StrCat("holds ", probe.description,
                               ": it is neither formatted nor mounted. If nothing on it is needed, "
                               "empty it by hand (wipefs), or attach another volume"));
  }
  if (probe.filesystem != wish_.filesystem()) {
    return Refuse(absl::StrCat("carries ", std::string(FilesystemName(probe.filesystem)), " (UUID ",
                               probe.uuid, ") and the role asks for ", wanted_name(),
                               ": change the role to adopt it, or attach another volume"));
  }
  state_.uuid = absl::AsciiStrToLower(probe.uuid);
  state_.stale_intent = intent_.has_value();
  state_.filesystem_bytes = probe.filesystem_bytes;
  return absl::OkStatus();
}

absl::Status Inspector::JudgeBlank(const DiskProbe& probe) {
  if (state_.mounted) {
    return Refuse(absl::StrCat("is mounted on ", mount_point(),
                               ", but no filesystem is found on it: it is not touched"));
  }
  absl::Status may = CheckMayFormat();
  if (!may.ok()) return may;
  state_.format = true;
  const bool blank = probe.content == DiskContent::kBlank;
  Add("filesystem",
      absl::StrCat(blank ? "blank, " : "unfinished format by this agent, ",
                   DescribeBytes(disk_.size_bytes),
                   disk_.serial.empty() ? "" : absl::StrCat(", serial ", disk_.serial)),
      wanted_name());
  return absl::OkStatus();
}

absl::Status Inspector::CheckMayFormat() const {
  if (!wish_.spec.format_if_blank()) {
    return Refuse(
        "is blank, and the role does not say format_if_blank: set it, or make a "
        "filesystem by hand");
  }
  if (!policy_.allow_format) return Denied("format", "add it, or make a filesystem by hand");
  if (wish_.context.mode == v1::MODE_APPLY &&
      wish_.context.distinct_signers < policy_.format_threshold) {
    return absl::PermissionDeniedError(
        absl::StrCat("formatting ", disk_name(), " needs ", policy_.format_threshold,
                     " signers (policy.thresholds.format in agent.yaml), the command has ",
                     wish_.context.distinct_signers, ": have it signed by more"));
  }
  return absl::OkStatus();
}

absl::Status Inspector::InspectHidden() {
  const absl::StatusOr<FileInfo> info = host_.Inspect(mount_point());
  if (absl::IsNotFound(info.status())) {
    const absl::StatusOr<FileInfo> parent = host_.Inspect(ParentOf(mount_point()));
    if (!parent.ok()) {
      return InContext(absl::StrCat("the mount point's parent must exist: make ",
                                    ParentOf(mount_point()), ", then run again"),
                       parent.status());
    }
    state_.mount_point_missing = true;
    return absl::OkStatus();
  }
  if (!info.ok()) return info.status();
  if (info->type != FileType::kDirectory) {
    return absl::FailedPreconditionError(
        absl::StrCat(mount_point(), " is not a directory: move it away, then run again"));
  }
  const absl::StatusOr<std::vector<std::string>> names = host_.ListDirectory(mount_point());
  if (!names.ok()) return names.status();
  absl::Status hidden = names->empty() ? absl::OkStatus() : JudgeHidden(*names);
  return hidden.ok() ? CheckNobodyWrites(wish_, host_) : hidden;
}

absl::Status Inspector::JudgeHidden(const std::vector<std::string>& names) {
  if (wish_.spec.existing_content() != v1::EXISTING_CONTENT_MIGRATE) {
    return absl::FailedPreconditionError(
        absl::StrCat("mounting on ", mount_point(), " would hide ", DescribeNames(names, 10),
                     ": set `existing_content: migrate` to have it copied to the volume, or move "
                     "it away"));
  }
  if (!policy_.allow_migrate) return Denied("migrate", "add it, or move the content by hand");
  absl::StatusOr<TreeSummary> tree = host_.SummarizeTree(mount_point());
  if (!tree.ok()) return tree.status();
  if (tree->bytes > disk_.size_bytes) {
    return Refuse(absl::StrCat("has ", DescribeBytes(disk_.size_bytes), " and ", mount_point(),
                               " holds ", DescribeBytes(tree->bytes), ": it does not fit"));
  }
  state_.migrate = true;
  state_.hidden = *std::move(tree);
  Add("content",
      absl::StrCat(DescribeTree(state_.hidden), " in ", mount_point(), " (",
                   absl::BytesToHexString(state_.hidden.digest.substr(0, 6)), ")"),
      "on the volume");
  return state_.format || conflicts_ == Conflicts::kLookedForBefore ? absl::OkStatus()
                                                                    : InspectConflicts();
}

absl::Status Inspector::InspectConflicts() {
  const absl::StatusOr<Migration> preview =
      host_.PreviewMigration(mount_point(), disk_, wish_.filesystem());
  if (!preview.ok()) return preview.status();
  return preview->conflicts.empty() ? absl::OkStatus()
                                    : RefuseConflicts(wish_, disk_, preview->conflicts);
}

absl::Status Inspector::InspectFstab() {
  absl::StatusOr<std::string> text = host_.ReadFile(kFstab, kMaxFstabBytes);
  if (text.ok()) {
    state_.fstab_text = *std::move(text);
  } else if (!absl::IsNotFound(text.status())) {
    return text.status();
  }
  const std::string uuid = state_.uuid.empty() ? kFutureUuid : state_.uuid;
  const absl::StatusOr<FstabEdit> edit =
      SetOwnMount(state_.fstab_text.value_or(""), WantedMount(wish_, uuid));
  if (!edit.ok()) return edit.status();
  if (edit->before == edit->after) return absl::OkStatus();
  Add("fstab", edit->before.empty() ? "absent" : edit->before, edit->after);
  // Now, and not when the disk has been formatted and filled.
  return host_.CheckReplaceable(kFstab);
}

absl::Status Inspector::InspectSize() {
  if (state_.format || !wish_.spec.grow()) return absl::OkStatus();
  if (state_.mounted) {
    const absl::StatusOr<uint64_t> bytes = host_.MountedFilesystemSize(mount_point());
    if (!bytes.ok()) return bytes.status();
    state_.filesystem_bytes = *bytes;
  }
  const bool unknown = state_.filesystem_bytes == 0;
  if (unknown || state_.filesystem_bytes + kGrowThresholdBytes > disk_.size_bytes)
    return absl::OkStatus();
  if (!policy_.allow_grow) return Denied("grow", "add it, or set `grow: false` in the role");
  state_.grow = true;
  Add("size", DescribeBytes(state_.filesystem_bytes), DescribeBytes(disk_.size_bytes));
  return absl::OkStatus();
}

}  // namespace

Filesystem VolumeWish::filesystem() const {
  return spec.filesystem() == v1::FILESYSTEM_TYPE_EXT4 ? Filesystem::kExt4 : Filesystem::kXfs;
}

absl::StatusOr<VolumeState> InspectVolume(const VolumeWish& wish, const Disk& disk,
                                          Conflicts conflicts, const Policy& policy, Host& host,
                                          Ledger& ledger) {
  return Inspector(wish, disk, conflicts, policy, host, ledger).Inspect();
}

absl::Status RefuseConflicts(const VolumeWish& wish, const Disk& disk,
                             const std::vector<std::string>& conflicts) {
  return absl::FailedPreconditionError(
      absl::StrCat(DescribeDisk(disk, wish.source), " already holds other versions of what is in ",
                   wish.spec.mount_point(), ": ", DescribeNames(conflicts, 10),
                   "; remove one side of each, then run again"));
}

OwnMount WantedMount(const VolumeWish& wish, const std::string& uuid) {
  OwnMount mount;
  mount.spec = absl::StrCat("UUID=", uuid);
  mount.mount_point = wish.spec.mount_point();
  mount.type = std::string(FilesystemName(wish.filesystem()));
  mount.options = wish.spec.mount_options();
  if (wish.spec.device_timeout_seconds() != 0) {
    mount.device_timeout_seconds = wish.spec.device_timeout_seconds();
  }
  mount.volume = VolumeName(wish.source);
  return mount;
}

absl::Status CheckNobodyWrites(const VolumeWish& wish, Host& host) {
  const std::string& directory = wish.spec.mount_point();
  absl::StatusOr<std::vector<ProcessUse>> uses = host.ProcessesUsing(directory);
  if (!uses.ok()) return uses.status();
  std::erase_if(*uses, [](const ProcessUse& use) { return !use.writing; });
  if (uses->empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      directory, " is busy, and the mount would hide what is written there: ", DescribeUses(*uses),
      "; stop what uses it, then run again"));
}

absl::Status CheckMounted(const VolumeWish& wish, const Disk& disk, const MountEntry& mount) {
  const std::string wanted(FilesystemName(wish.filesystem()));
  if (mount.device_number != disk.device_number || mount.root != "/") {
    return absl::FailedPreconditionError(absl::StrCat(
        mount.source, mount.root == "/" ? "" : absl::StrCat(" (", mount.root, ")"),
        " is mounted on ", mount.mount_point, ", and ", DescribeDisk(disk, wish.source),
        " is wanted there: unmount it, or correct "
        "the volume id"));
  }
  if (mount.filesystem == wanted) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(DescribeDisk(disk, wish.source), " is mounted on ", mount.mount_point, " as ",
                   mount.filesystem, ", and the role asks for ", wanted));
}

}  // namespace bpa::executor
