#include "agent/executor/volume_find.h"

#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "agent/executor/describe.h"

namespace bpa::executor {
namespace {

// The NVMe serial of an EBS volume is its id without the dash.
std::string SerialOf(const std::string& volume_id) {
  return absl::StrReplaceAll(absl::AsciiStrToLower(volume_id), {{"-", ""}});
}

absl::StatusOr<Disk> FindByVolumeId(const std::string& volume_id, const Policy& policy,
                                    Host& host) {
  absl::StatusOr<std::vector<Disk>> disks = host.ListDisks();
  if (!disks.ok()) return disks.status();
  std::vector<Disk> matches;
  std::vector<std::string> others;
  for (Disk& disk : *disks) {
    if (absl::AsciiStrToLower(disk.serial) == SerialOf(volume_id)) {
      matches.push_back(std::move(disk));
    } else {
      others.push_back(absl::StrCat(disk.node, " (", disk.serial, ")"));
    }
  }
  if (matches.empty()) {
    return absl::NotFoundError(absl::StrCat(
        "no disk of this node is ", volume_id, ": there ",
        others.empty() ? "is no disk with a serial" : absl::StrCat("is ", DescribeNames(others, 8)),
        "; attach the volume to this node, or correct the volume id"));
  }
  if (matches.size() > 1) {
    return absl::FailedPreconditionError(absl::StrCat("both ", matches[0].node, " and ",
                                                      matches[1].node, " claim to be ", volume_id,
                                                      ": none is touched; detach one of them"));
  }
  absl::Status model = CheckModelAllowed(policy, matches[0].model);
  if (!model.ok()) return InContext(matches[0].node, model);
  return std::move(matches[0]);
}

}  // namespace

std::string VolumeName(const v1::VolumeSource& source) {
  return source.has_ebs_volume_id() ? source.ebs_volume_id() : source.device_path();
}

std::string DiskIdentity(const Disk& disk) { return disk.serial.empty() ? disk.node : disk.serial; }

std::string DescribeDisk(const Disk& disk, const v1::VolumeSource& source) {
  const std::string name = VolumeName(source);
  return name == disk.node ? name : absl::StrCat(disk.node, " (", name, ")");
}

absl::StatusOr<Disk> FindVolumeDisk(const v1::VolumeSource& source, const Policy& policy,
                                    Host& host) {
  if (source.has_ebs_volume_id()) return FindByVolumeId(source.ebs_volume_id(), policy, host);
  absl::Status allowed = CheckDevicePathAllowed(policy, source.device_path());
  if (!allowed.ok()) return allowed;
  return host.FindDisk(source.device_path());
}

}  // namespace bpa::executor
