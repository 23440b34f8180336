#include "agent/executor/desired_state.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/executor/directory.h"
#include "agent/executor/forms.h"
#include "agent/executor/package/package_resource.h"
#include "agent/executor/path.h"
#include "agent/executor/refusal.h"
#include "agent/executor/reset.h"
#include "agent/executor/sysctl.h"
#include "agent/executor/volume.h"

namespace bpa::executor {
namespace {

// What is common to one call of PlanResources.
class Planner {
 public:
  Planner(const v1::Role& role, const v1::Target& target, const CommandContext& context,
          const Policy& policy, Host& host, Ledger& ledger)
      : role_(role),
        target_(target),
        context_(context),
        policy_(policy),
        host_(host),
        ledger_(ledger) {}

  absl::StatusOr<std::vector<PlannedResource>> Plan() {
    absl::Status status = AddVolumes();
    if (status.ok() && context_.reset_directories) status = AddResets();
    if (status.ok()) status = AddDirectories();
    if (status.ok()) status = AddSysctls();
    if (status.ok()) status = AddPackages();
    if (!status.ok()) return status;
    return std::move(planned_);
  }

 private:
  absl::Status AddVolumes();
  absl::Status AddVolume(const v1::Volume& volume);
  absl::StatusOr<v1::VolumeSource> SourceOf(const std::string& mount_point) const;
  absl::Status CheckSourcesUsed() const;
  absl::Status AddResets();
  absl::Status CheckMayReset(const std::string& path) const;
  absl::Status AddDirectories();
  absl::Status AddSysctls();
  absl::Status AddPackages();
  absl::Status CheckApart(const std::string& destination) const;

  std::string BelowVolume(const std::string& path) const {
    return NearestRoot(mount_points_, path);
  }
  absl::Status Invalid(const std::string& what) const {
    return absl::InvalidArgumentError(absl::StrCat("role '", role_.name(), "': ", what));
  }

  const v1::Role& role_;
  const v1::Target& target_;
  const CommandContext& context_;
  const Policy& policy_;
  Host& host_;
  Ledger& ledger_;
  std::vector<std::string> mount_points_;
  std::vector<PlannedResource> planned_;
};

// Parents before children, whatever the order in the role.
std::vector<v1::Directory> SortedDirectories(const v1::Role& role) {
  std::vector<v1::Directory> directories(role.directories().begin(), role.directories().end());
  std::stable_sort(
      directories.begin(), directories.end(),
      [](const v1::Directory& a, const v1::Directory& b) { return a.path() < b.path(); });
  return directories;
}

absl::Status Planner::AddVolumes() {
  for (const v1::Volume& volume : role_.volumes()) {
    absl::Status added = AddVolume(volume);
    if (!added.ok()) return added;
  }
  return CheckSourcesUsed();
}

absl::Status Planner::AddVolume(const v1::Volume& volume) {
  const std::string& mount_point = volume.mount_point();
  if (!IsNormalPath(mount_point)) {
    return Invalid(absl::StrCat(Quoted(mount_point), " is not a normal absolute path"));
  }
  if (volume.filesystem() != v1::FILESYSTEM_TYPE_XFS &&
      volume.filesystem() != v1::FILESYSTEM_TYPE_EXT4) {
    return Invalid(absl::StrCat("volume ", mount_point, " names no filesystem"));
  }
  for (const std::string& other : mount_points_) {
    if (IsAtOrBelow(mount_point, other) || IsAtOrBelow(other, mount_point)) {
      return Invalid(absl::StrCat("volumes ", other, " and ", mount_point,
                                  " lie in each other, which is not supported"));
    }
  }
  const absl::StatusOr<v1::VolumeSource> source = SourceOf(mount_point);
  if (!source.ok()) return source.status();
  VolumeWish wish{volume, *source, target_.node(), context_};
  absl::Status allowed = CheckMountPointAllowed(policy_, mount_point);
  if (allowed.ok()) {
    allowed = CheckFilesystemAllowed(policy_, std::string(FilesystemName(wish.filesystem())));
  }
  if (allowed.ok() && source->has_device_path()) {
    allowed = CheckDevicePathAllowed(policy_, source->device_path());
  }
  if (!allowed.ok()) return allowed;
  mount_points_.push_back(mount_point);
  const std::string wanted = absl::StrCat(std::string(FilesystemName(wish.filesystem())),
                                          " volume mounted on ", mount_point);
  planned_.push_back(
      {std::make_unique<VolumeResource>(std::move(wish), policy_, host_, ledger_), "", wanted});
  return absl::OkStatus();
}

absl::StatusOr<v1::VolumeSource> Planner::SourceOf(const std::string& mount_point) const {
  const v1::VolumeSource* found = nullptr;
  for (const v1::VolumeSource& source : target_.volumes()) {
    if (source.mount_point() != mount_point) continue;
    if (found != nullptr) {
      return Invalid(absl::StrCat("node ", target_.node(), " names two disks for ", mount_point));
    }
    found = &source;
  }
  if (found == nullptr || found->source_case() == v1::VolumeSource::SOURCE_NOT_SET) {
    return Invalid(absl::StrCat("it wants a volume on ", mount_point, ", and node ", target_.node(),
                                " names no disk for it: give its volume id"));
  }
  return *found;
}

absl::Status Planner::CheckSourcesUsed() const {
  for (const v1::VolumeSource& source : target_.volumes()) {
    if (std::find(mount_points_.begin(), mount_points_.end(), source.mount_point()) ==
        mount_points_.end()) {
      return Invalid(absl::StrCat("node ", target_.node(), " names a disk for ",
                                  Quoted(source.mount_point()),
                                  ", where the role wants no volume"));
    }
  }
  return absl::OkStatus();
}

absl::Status Planner::AddResets() {
  for (const v1::Directory& directory : SortedDirectories(role_)) {
    if (!directory.reset()) continue;
    absl::Status may = CheckMayReset(directory.path());
    if (!may.ok()) return may;
    const std::string below = BelowVolume(directory.path());
    planned_.push_back({std::make_unique<ResetResource>(directory.path(), context_.command_id,
                                                        below, host_, ledger_),
                        below, "empty"});
  }
  return absl::OkStatus();
}

absl::Status Planner::CheckMayReset(const std::string& path) const {
  if (!IsNormalPath(path)) return Invalid(absl::StrCat(Quoted(path), " is not a normal path"));
  absl::Status allowed = CheckDirectoryAllowed(policy_, path);
  if (!allowed.ok()) return allowed;
  if (!policy_.allow_reset) {
    return absl::PermissionDeniedError(absl::StrCat(
        "policy.allow in agent.yaml does not list 'reset', which emptying ", path, " needs"));
  }
  if (context_.mode == v1::MODE_APPLY && context_.distinct_signers < policy_.reset_threshold) {
    return Refuse(v1::REFUSAL_REASON_SIGNATURE,
                  absl::PermissionDeniedError(absl::StrCat(
                      "emptying ", path, " needs ", policy_.reset_threshold,
                      " signers (policy.thresholds.reset in agent.yaml), the command has ",
                      context_.distinct_signers, ": have it signed by more")));
  }
  // Emptying what holds a volume's mount point or another root would take those with it.
  for (const std::vector<std::string>* list : {&policy_.directory_roots, &policy_.mount_points}) {
    for (const std::string& kept : *list) {
      const bool own_root = list == &policy_.directory_roots && kept == path;
      if (IsAtOrBelow(kept, path) && !own_root) {
        return absl::PermissionDeniedError(
            absl::StrCat(path, " is not emptied: ", kept, ", which the policy names, lies in it"));
      }
    }
  }
  return absl::OkStatus();
}

absl::Status Planner::AddDirectories() {
  std::set<std::string> seen;
  for (const v1::Directory& directory : SortedDirectories(role_)) {
    const std::string& path = directory.path();
    if (!IsNormalPath(path)) {
      return Invalid(absl::StrCat(Quoted(path), " is not a normal absolute path"));
    }
    if (!seen.insert(path).second) return Invalid(absl::StrCat(path, " is there twice"));
    if (directory.mode() > 07777) return Invalid(absl::StrCat(path, " has a mode over 07777"));
    absl::Status allowed = CheckDirectoryAllowed(policy_, path);
    if (!allowed.ok()) return allowed;
    const std::string below = BelowVolume(path);
    auto resource = std::make_unique<DirectoryResource>(
        directory, NearestRoot(policy_.directory_roots, path), below, host_);
    const std::string wanted = resource->Wanted();
    planned_.push_back({std::move(resource), below, wanted});
  }
  return absl::OkStatus();
}

absl::Status Planner::AddSysctls() {
  std::set<std::string> seen;
  for (const v1::Sysctl& sysctl : role_.sysctls()) {
    const std::string& name = sysctl.name();
    if (!IsSysctlName(name)) {
      return Invalid(absl::StrCat("sysctl name ", Quoted(name),
                                  " may hold only letters, digits, '_', '-' and single dots"));
    }
    if (!seen.insert(name).second) return Invalid(absl::StrCat("sysctl ", name, " is there twice"));
    if (sysctl.wanted_case() == v1::Sysctl::WANTED_NOT_SET) {
      return Invalid(absl::StrCat("sysctl ", name, " has neither exactly nor at_least"));
    }
    if (sysctl.has_exactly() && !IsFoldedValue(sysctl.exactly())) {
      return Invalid(absl::StrCat("sysctl ", name, " has the value ", Quoted(sysctl.exactly()),
                                  ", which is not plain words with single blanks"));
    }
    absl::Status allowed = CheckSysctlAllowed(policy_, name);
    if (!allowed.ok()) return allowed;
    planned_.push_back({std::make_unique<SysctlResource>(sysctl, host_), "", ""});
  }
  return absl::OkStatus();
}

// A tree that is exchanged whole takes along whatever else lies in it.
absl::Status Planner::CheckApart(const std::string& destination) const {
  for (const v1::Package& other : role_.packages()) {
    if (other.destination() == destination) continue;
    if (IsAtOrBelow(other.destination(), destination)) {
      return Invalid(absl::StrCat("packages ", destination, " and ", other.destination(),
                                  " lie in each other: one would replace the other"));
    }
  }
  for (const v1::Directory& directory : role_.directories()) {
    if (IsAtOrBelow(directory.path(), destination)) {
      return Invalid(absl::StrCat("directory ", directory.path(), " lies in the package ",
                                  destination, ", which is published as a whole: take it out"));
    }
  }
  for (const std::string& mount_point : mount_points_) {
    if (IsAtOrBelow(mount_point, destination)) {
      return Invalid(absl::StrCat("volume ", mount_point, " lies in the package ", destination,
                                  ", which is published by a rename"));
    }
  }
  return absl::OkStatus();
}

absl::Status Planner::AddPackages() {
  std::set<std::string> seen;
  for (const v1::Package& package : role_.packages()) {
    const std::string& destination = package.destination();
    if (!IsNormalPath(destination)) {
      return Invalid(absl::StrCat(Quoted(destination), " is not a normal absolute path"));
    }
    if (!seen.insert(destination).second) {
      return Invalid(absl::StrCat("package ", destination, " is there twice"));
    }
    if (absl::StrContains(absl::StrCat(destination, "/"),
                          absl::StrCat("/", kStoreDirectory, "/"))) {
      return Invalid(absl::StrCat(destination, " lies in what the agent keeps for itself"));
    }
    absl::Status s = CheckPackageAllowed(policy_, destination);
    if (s.ok()) s = CheckApart(destination);
    if (!s.ok()) return s;
    const std::string below = BelowVolume(destination);
    auto resource =
        std::make_unique<PackageResource>(package,
                                          PackageRun{.below_volume = below,
                                                     .verify = context_.mode == v1::MODE_VERIFY,
                                                     .glance = context_.glance,
                                                     .content = context_.content,
                                                     .stopping = context_.stopping},
                                          host_);
    const std::string wanted = resource->Wanted();
    planned_.push_back({std::move(resource), below, wanted});
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<PlannedResource>> PlanResources(const v1::Role& role,
                                                           const v1::Target& target,
                                                           const CommandContext& context,
                                                           const Policy& policy, Host& host,
                                                           Ledger& ledger) {
  return Planner(role, target, context, policy, host, ledger).Plan();
}

std::function<absl::StatusOr<std::vector<PlannedResource>>(const v1::Role&, const v1::Target&,
                                                           const CommandContext&)>
BindPlan(const Policy& policy, Host& host, Ledger& ledger) {
  return [&policy, &host, &ledger](const v1::Role& role, const v1::Target& target,
                                   const CommandContext& context) {
    return PlanResources(role, target, context, policy, host, ledger);
  };
}

}  // namespace bpa::executor
