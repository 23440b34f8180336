#include "agent/executor/covering_mount.h"

#include "absl/strings/str_cat.h"

namespace bpa::executor {

std::optional<MountEntry> TopMount(const std::vector<MountEntry>& mounts,
                                   const std::string& mount_point) {
  std::optional<MountEntry> top;
  for (const MountEntry& mount : mounts) {
    if (mount.mount_point == mount_point) top = mount;
  }
  return top;
}

absl::StatusOr<Covering> FindCovering(Host& host, const std::string& below_volume) {
  if (below_volume.empty()) return Covering{};
  const absl::StatusOr<std::vector<MountEntry>> mounts = host.ReadMounts();
  if (!mounts.ok()) return mounts.status();
  const std::optional<MountEntry> mount = TopMount(*mounts, below_volume);
  if (!mount) return Covering{.known = false};
  return Covering{.known = true, .device = mount->device_number};
}

absl::Status CheckOnVolume(const Covering& covering, const std::string& path, const FileInfo& info,
                           const std::string& below_volume) {
  if (!covering.device || info.device == *covering.device) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(path, " lies on another filesystem than ", below_volume,
                   ": unmount what is mounted there, then run again"));
}

std::string UnknownUntilMounted(const std::string& below_volume) {
  return absl::StrCat("unknown until ", below_volume, " is mounted");
}

absl::Status NotMounted(const std::string& path, const std::string& below_volume) {
  return absl::FailedPreconditionError(
      absl::StrCat(path, " is not touched: ", below_volume,
                   " is not mounted, and nothing may land on the disk beneath it"));
}

}  // namespace bpa::executor
