#include "agent/executor/command.h"

#include <openssl/sha.h>

#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/executor/forms.h"
#include "proto/manifest.h"
#include "proto/manifest_index.h"

namespace bpa::executor {
namespace {

constexpr uint32_t kMaxMode = 07777;
constexpr size_t kFingerprintBytes = 32;
// The year 9999: later times cannot be printed in RFC 3339.
constexpr int64_t kMaxUnixMillis = 253402300799999;

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

absl::Status Bad(const std::string& where, const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat("command.", where, ": ", what));
}

absl::Status CheckCount(const std::string& where, int count, int max) {
  if (count <= max) return absl::OkStatus();
  return Bad(where, absl::StrCat(count, " items; at most ", max, " are accepted"));
}

absl::Status CheckUnique(std::set<std::string>& seen, const std::string& where,
                         const std::string& value) {
  if (seen.insert(value).second) return absl::OkStatus();
  return Bad(where, absl::StrCat(Quoted(value), " appears twice"));
}

absl::Status CheckName(const std::string& where, const std::string& value) {
  if (IsName(value)) return absl::OkStatus();
  return Bad(where, absl::StrCat(Quoted(value), " is not a name: letters, digits, '.', '_', '-', ",
                                 "at most ", kMaxNameBytes, " bytes"));
}

absl::Status CheckPath(const std::string& where, const std::string& value) {
  if (IsNormalPath(value)) return absl::OkStatus();
  return Bad(where, absl::StrCat(Quoted(value), " is not an absolute path without '.', '..', ",
                                 "doubled or trailing '/', of at most ", kMaxPathBytes, " bytes"));
}

// What this agent does not know it cannot carry out, so a newer field is never skipped silently.
absl::Status CheckNoUnknownFields(const Message& message) {
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  if (!reflection.GetUnknownFields(message).empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(message.GetDescriptor()->full_name(),
                     " has a field that this agent does not know: update the agent on this node"));
  }
  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) continue;
    const int count = field->is_repeated() ? reflection.FieldSize(message, field) : 1;
    for (int i = 0; i < count; ++i) {
      absl::Status s = CheckNoUnknownFields(field->is_repeated()
                                                ? reflection.GetRepeatedMessage(message, field, i)
                                                : reflection.GetMessage(message, field));
      if (!s.ok()) return s;
    }
  }
  return absl::OkStatus();
}

absl::Status CheckVolume(const v1::Volume& volume, const std::string& where) {
  if (absl::Status s = CheckPath(absl::StrCat(where, ".mount_point"), volume.mount_point());
      !s.ok()) {
    return s;
  }
  if (volume.filesystem() != v1::FILESYSTEM_TYPE_XFS &&
      volume.filesystem() != v1::FILESYSTEM_TYPE_EXT4) {
    return Bad(absl::StrCat(where, ".filesystem"), "must be XFS or EXT4");
  }
  if (!IsMountOptions(volume.mount_options())) {
    return Bad(absl::StrCat(where, ".mount_options"),
               absl::StrCat(Quoted(volume.mount_options()), " is not a list of mount options"));
  }
  if (volume.existing_content() != v1::EXISTING_CONTENT_REFUSE &&
      volume.existing_content() != v1::EXISTING_CONTENT_MIGRATE) {
    return Bad(absl::StrCat(where, ".existing_content"), "must be REFUSE or MIGRATE");
  }
  if (volume.attach_timeout_seconds() > kMaxAttachTimeoutSeconds) {
    return Bad(absl::StrCat(where, ".attach_timeout_seconds"),
               absl::StrCat("at most ", kMaxAttachTimeoutSeconds));
  }
  if (volume.device_timeout_seconds() > kMaxDeviceTimeoutSeconds) {
    return Bad(absl::StrCat(where, ".device_timeout_seconds"),
               absl::StrCat("at most ", kMaxDeviceTimeoutSeconds));
  }
  return absl::OkStatus();
}

absl::Status CheckDirectory(const v1::Directory& directory, const std::string& where) {
  if (absl::Status s = CheckPath(absl::StrCat(where, ".path"), directory.path()); !s.ok()) return s;
  if (directory.mode() > kMaxMode) return Bad(absl::StrCat(where, ".mode"), "at most 07777");
  if (directory.has_owner() && !IsAccount(directory.owner())) {
    return Bad(absl::StrCat(where, ".owner"),
               absl::StrCat(Quoted(directory.owner()), " is not a user name or id"));
  }
  if (directory.has_group() && !IsAccount(directory.group())) {
    return Bad(absl::StrCat(where, ".group"),
               absl::StrCat(Quoted(directory.group()), " is not a group name or id"));
  }
  return absl::OkStatus();
}

absl::Status CheckSysctl(const v1::Sysctl& sysctl, const std::string& where) {
  if (!IsSysctlName(sysctl.name())) {
    return Bad(absl::StrCat(where, ".name"),
               absl::StrCat(Quoted(sysctl.name()), " is not a dotted sysctl name"));
  }
  if (sysctl.wanted_case() == v1::Sysctl::WANTED_NOT_SET) {
    return Bad(where, "neither 'exactly' nor 'at_least' is given");
  }
  if (sysctl.has_exactly() && !IsFoldedValue(sysctl.exactly())) {
    return Bad(absl::StrCat(where, ".exactly"),
               absl::StrCat(Quoted(sysctl.exactly()), " is not words parted by single blanks"));
  }
  return absl::OkStatus();
}

absl::Status CheckPackage(const v1::Package& package, const std::string& where) {
  absl::Status s = CheckPath(absl::StrCat(where, ".destination"), package.destination());
  if (!s.ok()) return s;
  if (!IsPlainText(package.label(), kMaxPackageLabelBytes)) {
    return Bad(absl::StrCat(where, ".label"),
               absl::StrCat("must be at most ", kMaxPackageLabelBytes,
                            " bytes without control characters"));
  }
  if (package.manifest_sha256().size() != sizeof(bpa::Sha256)) {
    return Bad(absl::StrCat(where, ".manifest_sha256"), "is not 32 bytes long");
  }
  if (package.manifest_bytes() == 0 || package.manifest_bytes() > kMaxManifestBytes) {
    return Bad(absl::StrCat(where, ".manifest_bytes"),
               absl::StrCat("must be 1 to ", kMaxManifestBytes));
  }
  if (package.manifest_index_bytes() > kMaxManifestIndexBytes) {
    return Bad(absl::StrCat(where, ".manifest_index_bytes"),
               absl::StrCat("must be at most ", kMaxManifestIndexBytes));
  }
  // The root is an entry.
  if (package.entries() == 0 || package.entries() > kMaxPackageEntries) {
    return Bad(absl::StrCat(where, ".entries"), absl::StrCat("must be 1 to ", kMaxPackageEntries));
  }
  if (package.has_owner() && !IsAccount(package.owner())) {
    return Bad(absl::StrCat(where, ".owner"),
               absl::StrCat(Quoted(package.owner()), " is not a user name or id"));
  }
  if (package.has_group() && !IsAccount(package.group())) {
    return Bad(absl::StrCat(where, ".group"),
               absl::StrCat(Quoted(package.group()), " is not a group name or id"));
  }
  return absl::OkStatus();
}

// Checks count, each item, and that keys are unique; adds the bytes of the keys to `bytes`.
template <typename Items, typename Check, typename Key>
absl::Status CheckItems(const Items& items, const std::string& where, int max, Check check, Key key,
                        size_t& bytes) {
  if (absl::Status s = CheckCount(where, items.size(), max); !s.ok()) return s;
  std::set<std::string> seen;
  for (int i = 0; i < items.size(); ++i) {
    const std::string item = absl::StrCat(where, "[", i, "]");
    if (absl::Status s = check(items[i], item); !s.ok()) return s;
    if (absl::Status s = CheckUnique(seen, item, key(items[i])); !s.ok()) return s;
    bytes += key(items[i]).size();
  }
  return absl::OkStatus();
}

absl::Status CheckRole(const v1::Role& role, const std::string& where) {
  if (absl::Status s = CheckName(absl::StrCat(where, ".name"), role.name()); !s.ok()) return s;
  size_t bytes = 0;
  absl::Status s = CheckItems(
      role.volumes(), absl::StrCat(where, ".volumes"), kMaxVolumesPerRole, CheckVolume,
      [](const v1::Volume& v) { return v.mount_point(); }, bytes);
  if (!s.ok()) return s;
  s = CheckItems(
      role.directories(), absl::StrCat(where, ".directories"), kMaxDirectoriesPerRole,
      CheckDirectory, [](const v1::Directory& d) { return d.path(); }, bytes);
  if (!s.ok()) return s;
  s = CheckItems(
      role.sysctls(), absl::StrCat(where, ".sysctls"), kMaxSysctlsPerRole, CheckSysctl,
      [](const v1::Sysctl& c) { return c.name(); }, bytes);
  if (!s.ok()) return s;
  s = CheckItems(
      role.packages(), absl::StrCat(where, ".packages"), kMaxPackagesPerRole, CheckPackage,
      [](const v1::Package& p) { return p.destination(); }, bytes);
  if (!s.ok()) return s;
  if (bytes > kMaxRoleNamesBytes) {
    return Bad(where, absl::StrCat("paths and names are ", bytes, " bytes together; at most ",
                                   kMaxRoleNamesBytes, " are accepted"));
  }
  return absl::OkStatus();
}

absl::Status CheckVolumeSource(const v1::VolumeSource& source, const std::string& where) {
  if (absl::Status s = CheckPath(absl::StrCat(where, ".mount_point"), source.mount_point());
      !s.ok()) {
    return s;
  }
  if (source.source_case() == v1::VolumeSource::SOURCE_NOT_SET) {
    return Bad(where, "neither 'ebs_volume_id' nor 'device_path' is given");
  }
  if (source.has_ebs_volume_id() && !IsEbsVolumeId(source.ebs_volume_id())) {
    return Bad(absl::StrCat(where, ".ebs_volume_id"),
               absl::StrCat(Quoted(source.ebs_volume_id()),
                            " is not 'vol-' and 8 or 17 hexadecimal digits"));
  }
  if (source.has_device_path() &&
      (!IsNormalPath(source.device_path()) || !source.device_path().starts_with("/dev/"))) {
    return Bad(absl::StrCat(where, ".device_path"),
               absl::StrCat(Quoted(source.device_path()), " is not a normal path below /dev"));
  }
  return absl::OkStatus();
}

absl::Status CheckReviewedPlan(const v1::ReviewedPlan& plan, const std::string& where) {
  if (!IsUuidV7(plan.plan_id())) {
    return Bad(absl::StrCat(where, ".plan_id"), "is not a lower-case UUIDv7");
  }
  const std::string list = absl::StrCat(where, ".change_sha256");
  if (absl::Status s = CheckCount(list, plan.change_sha256_size(), kMaxReviewedChanges); !s.ok()) {
    return s;
  }
  for (const std::string& fingerprint : plan.change_sha256()) {
    if (fingerprint.size() != kFingerprintBytes) return Bad(list, "an item is not 32 bytes long");
  }
  return absl::OkStatus();
}

absl::Status CheckTarget(const v1::Target& target, const std::string& where) {
  if (absl::Status s = CheckName(absl::StrCat(where, ".node"), target.node()); !s.ok()) return s;
  if (absl::Status s = CheckName(absl::StrCat(where, ".role"), target.role()); !s.ok()) return s;
  size_t bytes = 0;
  absl::Status s = CheckItems(
      target.volumes(), absl::StrCat(where, ".volumes"), kMaxVolumesPerRole, CheckVolumeSource,
      [](const v1::VolumeSource& v) { return v.mount_point(); }, bytes);
  if (!s.ok() || !target.has_reviewed_plan()) return s;
  return CheckReviewedPlan(target.reviewed_plan(), absl::StrCat(where, ".reviewed_plan"));
}

absl::Status CheckHead(const v1::Command& command) {
  if (!IsUuidV7(command.id())) {
    return Bad("id", absl::StrCat(Quoted(command.id()), " is not a lower-case UUIDv7"));
  }
  if (absl::Status s = CheckName("cluster", command.cluster()); !s.ok()) return s;
  const int64_t issued = command.issued_at_unix_millis();
  const int64_t expires = command.expires_at_unix_millis();
  if (issued <= 0 || issued > kMaxUnixMillis) {
    return Bad("issued_at_unix_millis", "is not a time between 1970 and 9999");
  }
  if (expires <= issued || expires > kMaxUnixMillis) {
    return Bad("expires_at_unix_millis", "is not after issued_at, or beyond the year 9999");
  }
  if (command.operator_name().empty() || !IsPlainText(command.operator_name(), kMaxNameBytes)) {
    return Bad("operator_name",
               absl::StrCat("must be 1 to ", kMaxNameBytes, " bytes without control characters"));
  }
  if (!IsPlainText(command.reason(), kMaxReasonBytes)) {
    return Bad("reason", absl::StrCat("must be at most ", kMaxReasonBytes,
                                      " bytes without control characters"));
  }
  if (command.mode() != v1::MODE_PLAN && command.mode() != v1::MODE_APPLY &&
      command.mode() != v1::MODE_VERIFY) {
    return Bad("mode", "must be PLAN, APPLY or VERIFY");
  }
  return absl::OkStatus();
}

absl::Status CheckCommand(const v1::Command& command) {
  if (absl::Status s = CheckNoUnknownFields(command); !s.ok()) return s;
  if (absl::Status s = CheckHead(command); !s.ok()) return s;
  if (command.roles().empty()) return Bad("roles", "is empty");
  if (command.targets().empty()) return Bad("targets", "is empty");
  size_t bytes = 0;
  absl::Status s = CheckItems(
      command.roles(), "roles", kMaxRoles, CheckRole, [](const v1::Role& r) { return r.name(); },
      bytes);
  if (!s.ok()) return s;
  return CheckItems(
      command.targets(), "targets", kMaxTargets, CheckTarget,
      [](const v1::Target& t) { return t.node(); }, bytes);
}

}  // namespace

absl::StatusOr<Command> ParseCommand(const VerifiedPayload& payload) {
  Command command;
  if (!command.proto_.ParseFromString(payload.bytes())) {
    return absl::InvalidArgumentError(
        "the signed payload is not a bpa.v1.Command: was it signed by another program?");
  }
  if (absl::Status s = CheckCommand(command.proto_); !s.ok()) return s;
  command.payload_sha256_.resize(SHA256_DIGEST_LENGTH);
  SHA256(reinterpret_cast<const unsigned char*>(payload.bytes().data()), payload.bytes().size(),
         reinterpret_cast<unsigned char*>(command.payload_sha256_.data()));
  command.signers_ = payload.signers();
  return command;
}

}  // namespace bpa::executor
