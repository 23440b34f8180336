#include "agent/executor/volume_prepare.h"

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "agent/executor/covering_mount.h"
#include "agent/executor/describe.h"
#include "agent/executor/digest.h"
#include "agent/executor/volume_find.h"

namespace bpa::executor {
namespace {

// A UUID of version 8 (RFC 9562), from what makes this filesystem this one. The command's id makes
// it new: the copy of a snapshot keeps the UUID that its own command chose.
std::string ChooseUuid(const VolumeWish& wish, const Disk& disk) {
  std::string input;
  for (const std::string& part : {std::string("bpa filesystem uuid"), wish.context.command_id,
                                  wish.node, DiskIdentity(disk), wish.spec.mount_point()}) {
    absl::StrAppend(&input, part.size(), ":", part, ",");
  }
  std::string bytes = Sha256(input).substr(0, 16);
  bytes[6] = static_cast<char>((bytes[6] & 0x0f) | 0x80);
  bytes[8] = static_cast<char>((bytes[8] & 0x3f) | 0x80);
  const std::string hex = absl::BytesToHexString(bytes);
  return absl::StrCat(hex.substr(0, 8), "-", hex.substr(8, 4), "-", hex.substr(12, 4), "-",
                      hex.substr(16, 4), "-", hex.substr(20));
}

absl::Status Mount(const VolumeWish& wish, const Disk& disk, Host& host) {
  absl::Status mounted = host.MountFromFstab(wish.spec.mount_point());
  if (!mounted.ok()) return mounted;
  const absl::StatusOr<std::vector<MountEntry>> mounts = host.ReadMounts();
  if (!mounts.ok()) return mounts.status();
  const std::optional<MountEntry> top = TopMount(*mounts, wish.spec.mount_point());
  if (top) return CheckMounted(wish, disk, *top);
  return absl::InternalError(
      absl::StrCat("the mount succeeded, but nothing is mounted on ", wish.spec.mount_point()));
}

// `written` is what the file holds unless somebody has edited it since.
std::string PutBackFstab(const std::optional<std::string>& before, const std::string& written,
                         Host& host) {
  absl::Status restored =
      before ? host.ReplaceFile(kFstab, written, *before) : host.RemoveTree(kFstab);
  if (restored.ok()) return "/etc/fstab is as it was before";
  return absl::StrCat("and /etc/fstab could not be put back, remove the agent's line: ",
                      std::string(restored.message()));
}

}  // namespace

absl::Status FormatVolume(const VolumeWish& wish, const Disk& disk, VolumeState& state, Host& host,
                          Ledger& ledger) {
  if (state.uuid.empty()) state.uuid = ChooseUuid(wish, disk);
  const std::string identity = DiskIdentity(disk);
  absl::Status status = ledger.BeginFormat(
      {identity, disk.size_bytes, std::string(FilesystemName(wish.filesystem())), state.uuid});
  if (status.ok()) {
    status = host.Format(disk, wish.filesystem(), state.uuid, state.unfinished);
  }
  if (status.ok()) status = ledger.FinishFormat(identity);
  return InContext(absl::StrCat("formatting ", DescribeDisk(disk, wish.source)), status);
}

absl::Status MigrateContent(const VolumeWish& wish, const Disk& disk, VolumeState& state,
                            Host& host) {
  const std::string& directory = wish.spec.mount_point();
  const std::string context =
      absl::StrCat("copying ", directory, " to ", DescribeDisk(disk, wish.source));
  const absl::StatusOr<Migration> migrated = host.MigrateTree(directory, disk, wish.filesystem());
  if (!migrated.ok()) return InContext(context, migrated.status());
  if (!migrated->conflicts.empty()) return RefuseConflicts(wish, disk, migrated->conflicts);
  // Options of the filesystem, unlike those of the mount, are only heard by its first mount.
  if (wish.spec.mount_options().empty()) state.active = migrated->active;
  const absl::StatusOr<TreeSummary> after = host.SummarizeTree(directory);
  if (!after.ok()) return InContext(context, after.status());
  if (after->digest != state.hidden.digest) {
    return absl::AbortedError(absl::StrCat(
        context, ": ", directory, " changed meanwhile; stop what writes there, then run again"));
  }
  return CheckNobodyWrites(wish, host);
}

absl::Status MountByFstab(const VolumeWish& wish, const Disk& disk, const VolumeState& state,
                          Host& host) {
  const absl::StatusOr<FstabEdit> edit =
      SetOwnMount(state.fstab_text.value_or(""), WantedMount(wish, state.uuid));
  if (!edit.ok()) return edit.status();
  const bool changed = !state.fstab_text || edit->text != *state.fstab_text;
  if (changed) {
    absl::Status written = host.ReplaceFile(kFstab, state.fstab_text, edit->text);
    if (!written.ok()) return written;
  }
  if (state.mounted) return absl::OkStatus();
  absl::Status mounted = Mount(wish, disk, host);
  if (mounted.ok()) return absl::OkStatus();
  return absl::Status(
      mounted.code(),
      absl::StrCat("mounting ", DescribeDisk(disk, wish.source), " on ", wish.spec.mount_point(),
                   " failed: ", std::string(mounted.message()), "; ",
                   changed ? PutBackFstab(state.fstab_text, edit->text, host)
                           : "/etc/fstab, which had the agent's line before, was not changed"));
}

}  // namespace bpa::executor
