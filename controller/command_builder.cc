#include "controller/command_builder.h"

#include <openssl/rand.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <cstdint>
#include <cstdlib>
#include <set>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "controller/forms.h"
#include "proto/limits.h"

namespace bpa::controller {
namespace {

absl::Status CheckText(const char* what, const std::string& text, size_t max_bytes) {
  const std::string problem = TextProblem(text, max_bytes);
  if (problem.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("the ", what, " ", problem));
}

absl::Status CheckOptions(const CommandOptions& options, const std::string& operator_name) {
  if (options.mode != v1::MODE_PLAN && options.mode != v1::MODE_APPLY &&
      options.mode != v1::MODE_VERIFY) {
    return absl::InvalidArgumentError("the mode must be plan, apply or verify");
  }
  if (options.validity <= absl::ZeroDuration()) {
    return absl::InvalidArgumentError("the validity must be longer than nothing");
  }
  const RoleParts& parts = options.parts;
  if (!parts.volumes && !parts.directories && !parts.sysctls && !parts.packages) {
    return absl::InvalidArgumentError("the command would carry nothing");
  }
  if (operator_name.empty()) {
    return absl::InvalidArgumentError("the operator's name is empty: give --operator");
  }
  if (absl::Status status = CheckText("operator's name", operator_name, kMaxNameBytes);
      !status.ok()) {
    return status;
  }
  return CheckText("reason", options.reason, kMaxReasonBytes);
}

// Whether the command would write beneath the volume's mount point.
bool IsNeeded(const v1::Volume& volume, const v1::Role& role) {
  const std::string& mount_point = volume.mount_point();
  return std::any_of(role.directories().begin(), role.directories().end(),
                     [&mount_point](const v1::Directory& directory) {
                       return IsAtOrBeneath(directory.path(), mount_point);
                     }) ||
         std::any_of(role.packages().begin(), role.packages().end(),
                     [&mount_point](const v1::Package& package) {
                       return IsAtOrBeneath(package.destination(), mount_point);
                     });
}

// The volume as a guard: it has to be there, and is mounted if it can be without touching data.
v1::Volume AsPrerequisite(v1::Volume volume) {
  volume.set_existing_content(v1::EXISTING_CONTENT_REFUSE);
  volume.set_format_if_blank(false);
  volume.set_grow(false);
  return volume;
}

v1::Role Narrow(const v1::Role& role, const CommandOptions& options) {
  const RoleParts& parts = options.parts;
  v1::Role narrowed = role;
  narrowed.set_partial(!parts.volumes || !parts.directories || !parts.sysctls || !parts.packages);
  narrowed.clear_volumes();
  if (!parts.directories) narrowed.clear_directories();
  if (!parts.sysctls) narrowed.clear_sysctls();
  const auto packages = options.packages.find(role.name());
  if (parts.packages && packages != options.packages.end()) {
    for (const v1::Package& package : packages->second) *narrowed.add_packages() = package;
  }
  for (const v1::Volume& volume : role.volumes()) {
    if (parts.volumes) {
      *narrowed.add_volumes() = volume;
    } else if (IsNeeded(volume, narrowed)) {
      *narrowed.add_volumes() = AsPrerequisite(volume);
    }
  }
  return narrowed;
}

const v1::Role* FindRole(const v1::Command& command, const std::string& name) {
  for (const v1::Role& role : command.roles()) {
    if (role.name() == name) return &role;
  }
  return nullptr;
}

v1::Target MakeTarget(const Node& node, const v1::Role& role, const CommandOptions& options) {
  v1::Target target;
  target.set_node(node.name);
  target.set_role(node.role);
  for (const v1::VolumeSource& source : node.volumes) {
    const bool is_used = std::any_of(role.volumes().begin(), role.volumes().end(),
                                     [&source](const v1::Volume& volume) {
                                       return volume.mount_point() == source.mount_point();
                                     });
    if (is_used) *target.add_volumes() = source;
  }
  const auto plan = options.reviewed_plans.find(node.name);
  if (plan != options.reviewed_plans.end()) *target.mutable_reviewed_plan() = plan->second;
  return target;
}

absl::Status AddRolesAndTargets(const Cluster& cluster, const std::vector<Node>& nodes,
                                const CommandOptions& options, v1::Command* command) {
  if (nodes.empty()) return absl::InvalidArgumentError("no node is selected");
  std::set<std::string> used;
  for (const Node& node : nodes) used.insert(node.role);
  for (const v1::Role& role : cluster.roles) {
    if (used.contains(role.name())) *command->add_roles() = Narrow(role, options);
  }
  for (const Node& node : nodes) {
    const v1::Role* role = FindRole(*command, node.role);
    if (role == nullptr) {
      return absl::InvalidArgumentError(
          absl::StrCat("node '", node.name, "' has the unknown role '", node.role, "'"));
    }
    *command->add_targets() = MakeTarget(node, *role, options);
    const int changes = command->targets().rbegin()->reviewed_plan().change_sha256_size();
    if (changes > kMaxReviewedChanges) {
      return absl::InvalidArgumentError(absl::StrCat("the plan of node '", node.name, "' has ",
                                                     changes, " changes; at most ",
                                                     kMaxReviewedChanges));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<v1::Command> BuildCommand(const Cluster& cluster, const std::vector<Node>& nodes,
                                         const CommandOptions& options, absl::Time now) {
  const std::string operator_name =
      options.operator_name.empty() ? DefaultOperator() : options.operator_name;
  if (absl::Status status = CheckOptions(options, operator_name); !status.ok()) return status;
  absl::StatusOr<std::string> id = NewCommandId(now);
  if (!id.ok()) return id.status();
  v1::Command command;
  command.set_id(*std::move(id));
  command.set_cluster(cluster.name);
  command.set_issued_at_unix_millis(absl::ToUnixMillis(now));
  command.set_expires_at_unix_millis(absl::ToUnixMillis(now + options.validity));
  command.set_operator_name(operator_name);
  command.set_reason(options.reason);
  command.set_mode(options.mode);
  command.set_reset_directories(options.reset_directories);
  absl::Status status = AddRolesAndTargets(cluster, nodes, options, &command);
  if (!status.ok()) return status;
  return command;
}

absl::StatusOr<Envelope> WrapCommand(const v1::Command& command) {
  Envelope envelope;
  envelope.payload_type = std::string(kCommandPayloadType);
  if (!command.SerializeToString(&envelope.payload)) {
    return absl::InternalError("the command cannot be serialized");
  }
  if (envelope.payload.size() > kMaxPayloadBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("the command is ", envelope.payload.size(), " bytes long; at most ",
                     kMaxPayloadBytes, ": name some nodes instead of the whole cluster"));
  }
  return envelope;
}

absl::Status SignEnvelope(const PrivateKey& key, Envelope* envelope) {
  const std::string signed_bytes =
      PreAuthenticationEncoding(envelope->payload_type, envelope->payload);
  absl::StatusOr<std::string> signature = key.Sign(signed_bytes);
  if (!signature.ok()) return signature.status();
  return AttachSignature(key.public_key(), *signature, envelope);
}

absl::Status AttachSignature(const PublicKey& key, const std::string& signature,
                             Envelope* envelope) {
  const std::string signed_bytes =
      PreAuthenticationEncoding(envelope->payload_type, envelope->payload);
  // The key ids in an envelope are hints: only a signature that verifies is this key's.
  for (const EnvelopeSignature& present : envelope->signatures) {
    if (key.Verify(signed_bytes, present.signature).ok()) {
      return absl::AlreadyExistsError(
          absl::StrCat("key ", key.id(), " has already signed this command"));
    }
  }
  if (absl::Status status = key.Verify(signed_bytes, signature); !status.ok()) return status;
  if (envelope->signatures.size() >= kMaxSignatures) {
    return absl::InvalidArgumentError(
        absl::StrCat("the command already has ", kMaxSignatures, " signatures, the most allowed"));
  }
  envelope->signatures.push_back({.key_id = key.id(), .signature = signature});
  return absl::OkStatus();
}

absl::StatusOr<std::string> NewCommandId(absl::Time now) {
  std::array<unsigned char, 16> bytes;
  if (RAND_bytes(bytes.data(), bytes.size()) != 1) {
    return absl::InternalError("the system's random numbers are not available");
  }
  const uint64_t millis = static_cast<uint64_t>(absl::ToUnixMillis(now));
  for (int i = 0; i < 6; ++i) bytes[i] = static_cast<unsigned char>(millis >> (40 - 8 * i));
  bytes[6] = static_cast<unsigned char>(0x70 | (bytes[6] & 0x0f));
  bytes[8] = static_cast<unsigned char>(0x80 | (bytes[8] & 0x3f));
  const std::string hex = absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  return absl::StrCat(hex.substr(0, 8), "-", hex.substr(8, 4), "-", hex.substr(12, 4), "-",
                      hex.substr(16, 4), "-", hex.substr(20));
}

std::string DefaultOperator() {
  std::string user = absl::StrCat(getuid());
  for (const char* variable : {"SUDO_USER", "USER"}) {
    const char* value = std::getenv(variable);
    if (value != nullptr && *value != '\0') {
      user = value;
      break;
    }
  }
  std::array<char, HOST_NAME_MAX + 1> host = {};
  if (gethostname(host.data(), host.size() - 1) != 0) return user;
  return absl::StrCat(user, "@", host.data());
}

}  // namespace bpa::controller
