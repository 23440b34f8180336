#include "agent/executor/applied_state.h"

#include <set>
#include <string>
#include <utility>

namespace bpa::executor {
namespace {

// Whatever part a command is, it brings along the volumes that it needs: only those.
void KeepOtherVolumes(const AppliedState& previous, AppliedState& next) {
  std::set<std::string> named;
  for (const v1::Volume& volume : next.role.volumes()) named.insert(volume.mount_point());
  for (const v1::Volume& volume : previous.role.volumes()) {
    if (!named.contains(volume.mount_point())) *next.role.add_volumes() = volume;
  }
  for (const v1::VolumeSource& source : previous.target.volumes()) {
    if (!named.contains(source.mount_point())) *next.target.add_volumes() = source;
  }
}

}  // namespace

AppliedState Succeed(const std::optional<AppliedState>& previous, AppliedState next) {
  next.target.clear_reviewed_plan();
  v1::Role& role = next.role;
  if (!role.partial() || !previous || previous->role.name() != role.name()) return next;
  const v1::Role& before = previous->role;
  KeepOtherVolumes(*previous, next);
  if (role.directories().empty()) *role.mutable_directories() = before.directories();
  if (role.sysctls().empty()) *role.mutable_sysctls() = before.sysctls();
  if (role.packages().empty()) *role.mutable_packages() = before.packages();
  role.set_partial(before.partial());
  return next;
}

}  // namespace bpa::executor
