#include "agent/executor/reset.h"

#include <string_view>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "agent/executor/covering_mount.h"
#include "agent/executor/describe.h"
#include "agent/executor/digest.h"
#include "agent/executor/path.h"

namespace bpa::executor {
namespace {

constexpr std::string_view kTrashPrefix = ".bpa-trash-";

}  // namespace

struct ResetResource::State {
  Covering covering;
  bool recorded = false;
  // Something is to be moved away; nullopt of `trash` then.
  bool full = false;
  // What this command has moved away already.
  std::optional<FileInfo> trash;
  // Paths of what other commands have left.
  std::vector<std::string> leftovers;
  std::vector<Difference> differences;
};

ResetResource::ResetResource(std::string path, std::string command_id, std::string below_volume,
                             Host& host, Ledger& ledger)
    : path_(std::move(path)),
      command_id_(std::move(command_id)),
      below_volume_(std::move(below_volume)),
      host_(host),
      ledger_(ledger) {}

absl::StatusOr<std::vector<Difference>> ResetResource::Observe() {
  absl::StatusOr<State> state = Inspect();
  if (!state.ok()) return state.status();
  return std::move(state->differences);
}

absl::Status ResetResource::Converge() {
  absl::StatusOr<State> state = Inspect();
  if (!state.ok()) return state.status();
  if (!state->covering.known) return NotMounted(path_, below_volume_);
  if (state->differences.empty()) return absl::OkStatus();
  absl::Status status;
  if (state->full) status = host_.Rename(path_, OwnTrash());
  if (status.ok() && !state->recorded && (state->full || state->trash)) {
    status = MakeAnew(*state);
    if (status.ok()) status = ledger_.RecordReset(command_id_, path_);
  }
  if (status.ok() && (state->full || state->trash)) status = host_.RemoveTree(OwnTrash());
  for (const std::string& leftover : state->leftovers) {
    if (status.ok()) status = host_.RemoveTree(leftover);
  }
  if (!status.ok()) return InContext(absl::StrCat("reset of ", path_), status);
  return host_.SyncFilesystem(ParentOf(path_));
}

absl::StatusOr<ResetResource::State> ResetResource::Inspect() {
  State state;
  absl::StatusOr<Covering> covering = FindCovering(host_, below_volume_);
  if (!covering.ok()) return covering.status();
  state.covering = *covering;
  if (!state.covering.known) {
    state.differences = {{"contents", UnknownUntilMounted(below_volume_), "empty"}};
    return state;
  }
  const absl::StatusOr<bool> recorded = ledger_.ResetDone(command_id_, path_);
  if (!recorded.ok()) return recorded.status();
  state.recorded = *recorded;
  absl::Status status = InspectTrash(state);
  if (status.ok() && !state.recorded && !state.trash) status = InspectContents(state);
  if (!status.ok()) return status;
  if (state.trash) state.differences.push_back({"contents", "being deleted", "empty"});
  if (!state.leftovers.empty()) {
    state.differences.push_back(
        {"trash", absl::StrCat(state.leftovers.size(), " left by an interrupted reset"), "none"});
  }
  return state;
}

absl::Status ResetResource::InspectTrash(State& state) {
  const std::string parent = ParentOf(path_);
  const absl::StatusOr<std::vector<std::string>> names = host_.ListDirectory(parent);
  if (absl::IsNotFound(names.status())) return absl::OkStatus();
  if (!names.ok()) return names.status();
  // What this command moved away from another path is that path's to finish.
  const std::string of_this_command = absl::StrCat(std::string(kTrashPrefix), command_id_, "-");
  for (const std::string& name : *names) {
    const std::string path = JoinPath(parent, name);
    if (path == OwnTrash()) {
      const absl::StatusOr<FileInfo> info = host_.Inspect(path);
      if (!info.ok()) return info.status();
      state.trash = *info;
    } else if (name.starts_with(kTrashPrefix) && !name.starts_with(of_this_command)) {
      state.leftovers.push_back(path);
    }
  }
  return absl::OkStatus();
}

absl::Status ResetResource::InspectContents(State& state) {
  const absl::StatusOr<FileInfo> info = host_.Inspect(path_);
  if (absl::IsNotFound(info.status())) return absl::OkStatus();
  if (!info.ok()) return info.status();
  if (info->type != FileType::kDirectory) {
    return absl::FailedPreconditionError(
        absl::StrCat(path_, " is not a directory: it is not reset; move it away, then run again"));
  }
  absl::Status status = CheckNoMounts();
  if (status.ok()) status = CheckOnVolume(state.covering, path_, *info, below_volume_);
  if (!status.ok()) return status;
  const absl::StatusOr<TreeSummary> tree = host_.SummarizeTree(path_);
  if (!tree.ok()) return tree.status();
  if (tree->entries == 0) return absl::OkStatus();
  state.full = true;
  state.differences.push_back({"contents", DescribeTree(*tree), "empty"});
  return CheckUnused();
}

absl::Status ResetResource::CheckUnused() {
  const absl::StatusOr<std::vector<ProcessUse>> uses = host_.ProcessesUsing(path_);
  if (!uses.ok()) return uses.status();
  if (uses->empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(path_, " is in use and is not reset: ", DescribeUses(*uses),
                   "; stop what uses it, then run again"));
}

absl::Status ResetResource::CheckNoMounts() {
  const absl::StatusOr<std::vector<MountEntry>> mounts = host_.ReadMounts();
  if (!mounts.ok()) return mounts.status();
  for (const MountEntry& mount : *mounts) {
    if (!IsAtOrBelow(mount.mount_point, path_)) continue;
    return absl::FailedPreconditionError(
        absl::StrCat(path_, " is not reset: ", mount.source, " is mounted on ", mount.mount_point,
                     "; unmount it, or reset the directories below it"));
  }
  return absl::OkStatus();
}

// Safe to repeat: what the directory was like is read from what was moved away.
absl::Status ResetResource::MakeAnew(const State& state) {
  const absl::StatusOr<FileInfo> former = host_.Inspect(OwnTrash());
  if (!former.ok()) return former.status();
  absl::Status made = host_.MakeDirectory(path_, former->mode, state.covering.device);
  if (!made.ok() && !absl::IsAlreadyExists(made)) return made;
  const absl::StatusOr<FileInfo> present = host_.Inspect(path_);
  if (!present.ok()) return present.status();
  // It may have been made by somebody who does not know what it was like.
  if (present->mode != former->mode) {
    absl::Status set = host_.SetMode(path_, former->mode);
    if (!set.ok()) return set;
  }
  if (present->uid == former->uid && present->gid == former->gid) return absl::OkStatus();
  return host_.SetOwner(path_, former->uid, former->gid);
}

std::string ResetResource::OwnTrash() const {
  // The path's digest keeps two directories with one parent apart.
  const std::string digest = absl::BytesToHexString(Sha256(path_)).substr(0, 8);
  return JoinPath(ParentOf(path_),
                  absl::StrCat(std::string(kTrashPrefix), command_id_, "-", digest));
}

}  // namespace bpa::executor
