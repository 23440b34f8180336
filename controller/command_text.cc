#include "controller/command_text.h"

#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace bpa::controller {
namespace {

// Beyond ASCII too: Unicode has control characters and ways to turn text around.
std::string Safe(const std::string& text) { return absl::CEscape(text); }

std::string Line(const char* label, const std::string& text) {
  return absl::StrFormat("%-10s %s\n", label, text);
}

// "9 min 50 s", whole seconds.
std::string Roughly(absl::Duration duration) {
  const int64_t seconds = absl::ToInt64Seconds(duration);
  if (seconds < 60) return absl::StrCat(seconds, " s");
  if (seconds < 3600) return absl::StrCat(seconds / 60, " min ", seconds % 60, " s");
  return absl::StrCat(seconds / 3600, " h ", seconds % 3600 / 60, " min");
}

std::string TimeText(int64_t unix_millis) {
  return absl::FormatTime("%Y-%m-%d %H:%M:%S UTC", absl::FromUnixMillis(unix_millis),
                          absl::UTCTimeZone());
}

std::string ExpiryText(const v1::Command& command, absl::Time now) {
  const absl::Duration left = absl::FromUnixMillis(command.expires_at_unix_millis()) - now;
  return absl::StrCat(TimeText(command.expires_at_unix_millis()),
                      left > absl::ZeroDuration()
                          ? absl::StrCat(" (in ", Roughly(left), ")")
                          : absl::StrCat(" (EXPIRED ", Roughly(-left), " ago)"));
}

std::string ModeText(const v1::Command& command) {
  const std::string reset =
      command.reset_directories() ? ", WIPES the directories marked EMPTIED" : "";
  if (command.mode() == v1::MODE_PLAN) {
    return absl::StrCat("plan: changes nothing", command.reset_directories() ? "; with reset" : "");
  }
  if (command.mode() == v1::MODE_VERIFY) return "verify: changes nothing";
  if (command.mode() == v1::MODE_APPLY) return absl::StrCat("apply: CHANGES the nodes", reset);
  return absl::StrCat("unknown (", static_cast<int>(command.mode()), ")");
}

std::string TargetText(const v1::Target& target) {
  std::string text = absl::StrCat("  ", Safe(target.node()), ": role ", Safe(target.role()));
  for (const v1::VolumeSource& source : target.volumes()) {
    const std::string disk =
        source.has_ebs_volume_id() ? source.ebs_volume_id() : source.device_path();
    absl::StrAppend(&text, ", ", Safe(source.mount_point()), " on ", Safe(disk));
  }
  if (target.has_reviewed_plan()) {
    absl::StrAppend(&text, ", bound to plan ", Safe(target.reviewed_plan().plan_id()), " with ",
                    target.reviewed_plan().change_sha256_size(), " changes");
  }
  return text + "\n";
}

std::string VolumeText(const v1::Volume& volume) {
  std::vector<std::string> acts;
  if (volume.filesystem() == v1::FILESYSTEM_TYPE_XFS) acts.emplace_back("xfs");
  if (volume.filesystem() == v1::FILESYSTEM_TYPE_EXT4) acts.emplace_back("ext4");
  if (!volume.mount_options().empty()) {
    acts.push_back(absl::StrCat("options ", Safe(volume.mount_options())));
  }
  if (volume.format_if_blank()) acts.emplace_back("FORMATTED if proven blank");
  if (volume.existing_content() == v1::EXISTING_CONTENT_MIGRATE) {
    acts.emplace_back("existing files migrated");
  }
  if (volume.grow()) acts.emplace_back("grown");
  if (volume.attach_timeout_seconds() != 0) {
    acts.push_back(absl::StrCat("awaited for ", volume.attach_timeout_seconds(), " s"));
  }
  if (volume.device_timeout_seconds() != 0) {
    acts.push_back(absl::StrCat("a boot waits for it ", volume.device_timeout_seconds(), " s"));
  }
  return absl::StrCat("  volume ", Safe(volume.mount_point()), ": ", absl::StrJoin(acts, ", "),
                      "\n");
}

std::string DirectoryText(const v1::Directory& directory, bool reset) {
  std::vector<std::string> acts;
  if (directory.reset() && reset) acts.emplace_back("EMPTIED");
  if (directory.has_mode()) acts.push_back(absl::StrFormat("mode %04o", directory.mode()));
  if (directory.has_owner()) acts.push_back(absl::StrCat("owner ", Safe(directory.owner())));
  if (directory.has_group()) acts.push_back(absl::StrCat("group ", Safe(directory.group())));
  return absl::StrCat("  directory ", Safe(directory.path()), acts.empty() ? "" : ": ",
                      absl::StrJoin(acts, ", "), "\n");
}

std::string SysctlText(const v1::Sysctl& sysctl) {
  const std::string wanted = sysctl.has_at_least()
                                 ? absl::StrCat("at least ", sysctl.at_least())
                                 : absl::StrCat("exactly '", Safe(sysctl.exactly()), "'");
  return absl::StrCat("  sysctl ", Safe(sysctl.name()), ": ", wanted, "\n");
}

std::string PackageText(const v1::Package& package) {
  std::vector<std::string> acts = {
      absl::StrCat("'", Safe(package.label()), "' ",
                   package.rollback() ? "put back, exchanged for what is there" : "published"),
      absl::StrCat("SHA-256 ", absl::BytesToHexString(package.manifest_sha256())),
      absl::StrCat(package.entries(), " entries, ", package.content_bytes(), " bytes")};
  if (package.has_owner()) acts.push_back(absl::StrCat("owner ", Safe(package.owner())));
  if (package.has_group()) acts.push_back(absl::StrCat("group ", Safe(package.group())));
  if (package.keep_previous()) acts.emplace_back("the previous tree kept");
  return absl::StrCat("  package ", Safe(package.destination()), ": ", absl::StrJoin(acts, ", "),
                      "\n");
}

std::string RoleText(const v1::Role& role, bool reset) {
  std::string text = absl::StrCat("Role ", Safe(role.name()), "\n");
  for (const v1::Volume& volume : role.volumes()) text.append(VolumeText(volume));
  for (const v1::Directory& directory : role.directories()) {
    text.append(DirectoryText(directory, reset));
  }
  for (const v1::Sysctl& sysctl : role.sysctls()) text.append(SysctlText(sysctl));
  for (const v1::Package& package : role.packages()) text.append(PackageText(package));
  return text;
}

}  // namespace

std::string CommandText(const v1::Command& command, absl::Time now) {
  std::string text = absl::StrCat(
      Line("Command", Safe(command.id())), Line("Cluster", Safe(command.cluster())),
      Line("Mode", ModeText(command)), Line("Operator", Safe(command.operator_name())),
      Line("Reason", command.reason().empty() ? "(none given)" : Safe(command.reason())),
      Line("Issued", TimeText(command.issued_at_unix_millis())),
      Line("Expires", ExpiryText(command, now)), "Nodes\n");
  for (const v1::Target& target : command.targets()) text.append(TargetText(target));
  for (const v1::Role& role : command.roles()) {
    text.append(RoleText(role, command.reset_directories()));
  }
  return text;
}

}  // namespace bpa::controller
