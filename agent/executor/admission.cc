#include "agent/executor/admission.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agent/executor/forms.h"
#include "agent/executor/refusal.h"

namespace bpa::executor {
namespace {

constexpr int kNamedTargets = 8;

// "3 min", "2 h 5 min", "12 s": the two largest units, for people.
std::string Span(absl::Duration span) {
  const int64_t seconds = absl::ToInt64Seconds(span);
  if (seconds < 60) return absl::StrCat(seconds, " s");
  const int64_t minutes = seconds / 60;
  if (minutes < 60) return absl::StrCat(minutes, " min");
  const int64_t hours = minutes / 60;
  if (hours >= 48) return absl::StrCat(hours / 24, " days");
  return minutes % 60 == 0 ? absl::StrCat(hours, " h")
                           : absl::StrCat(hours, " h ", minutes % 60, " min");
}

std::string Clock(absl::Time time) {
  return absl::FormatTime("%H:%M:%SZ", time, absl::UTCTimeZone());
}

absl::Status CheckTimes(const v1::Command& command, const Policy& policy, absl::Time now) {
  const absl::Time issued = absl::FromUnixMillis(command.issued_at_unix_millis());
  const absl::Time expires = absl::FromUnixMillis(command.expires_at_unix_millis());
  if (issued > now + policy.max_clock_skew) {
    return absl::FailedPreconditionError(
        absl::StrCat("command ", command.id(), " was issued ", Span(issued - now),
                     " ahead of this node's clock (", Clock(now),
                     "): set the clock of the bastion or the node"));
  }
  if (expires - issued > policy.max_validity) {
    return absl::FailedPreconditionError(absl::StrCat(
        "command ", command.id(), " is valid for ", Span(expires - issued),
        "; this node accepts at most ", Span(policy.max_validity),
        " (policy.max_validity in agent.yaml): sign it again with a shorter validity"));
  }
  if (now >= expires + policy.max_clock_skew) {
    return absl::FailedPreconditionError(absl::StrCat(
        "command ", command.id(), " expired ", Span(now - expires), " ago (node clock ", Clock(now),
        "): sign it again, or set the clocks if that is not when it expired"));
  }
  return absl::OkStatus();
}

std::string TargetNames(const v1::Command& command) {
  std::vector<std::string> names;
  const int shown = std::min(command.targets_size(), kNamedTargets);
  names.reserve(static_cast<size_t>(shown) + 1);
  for (int i = 0; i < shown; ++i) names.push_back(command.targets(i).node());
  if (command.targets_size() > shown) {
    names.push_back(absl::StrCat(command.targets_size() - shown, " more"));
  }
  return absl::StrJoin(names, ", ");
}

absl::StatusOr<Assignment> FindAssignment(const v1::Command& command, const Config& config) {
  if (command.cluster() != config.cluster) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the command is for cluster ", Quoted(command.cluster()), "; this node belongs to '",
        config.cluster, "' (agent.yaml): use that cluster's cluster.yaml"));
  }
  const auto target =
      std::find_if(command.targets().begin(), command.targets().end(),
                   [&](const v1::Target& item) { return item.node() == config.node; });
  if (target == command.targets().end()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "this node is '", config.node, "' (agent.yaml), which is not among the command's targets (",
        TargetNames(command), "): check the node's address in cluster.yaml"));
  }
  const auto role =
      std::find_if(command.roles().begin(), command.roles().end(),
                   [&](const v1::Role& item) { return item.name() == target->role(); });
  if (role == command.roles().end()) {
    return absl::FailedPreconditionError(
        absl::StrCat("the command gives this node the role ", Quoted(target->role()),
                     ", which it does not define: define it in cluster.yaml and sign again"));
  }
  return Assignment{&*target, &*role};
}

absl::Status CheckThreshold(const Command& command, const char* act, int threshold) {
  const int signers = static_cast<int>(command.signers().size());
  if (signers >= threshold) return absl::OkStatus();
  return Refuse(v1::REFUSAL_REASON_SIGNATURE,
                absl::PermissionDeniedError(absl::StrCat(
                    "to ", act, ", this node asks for ", threshold, " signers (policy.thresholds.",
                    act, " in agent.yaml); ", signers, " signed (",
                    absl::StrJoin(command.signers(), ", "), "): have another sign it")));
}

absl::Status NotAllowed(const char* act) {
  return Refuse(v1::REFUSAL_REASON_POLICY, absl::PermissionDeniedError(absl::StrCat(
                                               "this node does not allow '", act,
                                               "': add it to policy.allow in its agent.yaml")));
}

absl::Status CheckActs(const Command& command, const Policy& policy) {
  const bool apply = command.proto().mode() == v1::MODE_APPLY;
  if (apply && !policy.allow_apply) return NotAllowed("apply");
  if (command.proto().reset_directories() && !policy.allow_reset) return NotAllowed("reset");
  if (!apply) return absl::OkStatus();
  if (absl::Status s = CheckThreshold(command, "apply", policy.apply_threshold); !s.ok()) return s;
  if (!command.proto().reset_directories()) return absl::OkStatus();
  return CheckThreshold(command, "reset", policy.reset_threshold);
}

}  // namespace

absl::StatusOr<Assignment> Admit(const Command& command, const Config& config, absl::Time now) {
  absl::StatusOr<Assignment> assignment = FindAssignment(command.proto(), config);
  if (!assignment.ok()) return Refuse(v1::REFUSAL_REASON_TARGET, assignment.status());
  if (absl::Status s = CheckTimes(command.proto(), config.policy, now); !s.ok()) {
    return Refuse(v1::REFUSAL_REASON_CLOCK, s);
  }
  if (absl::Status s = CheckActs(command, config.policy); !s.ok()) return s;
  return assignment;
}

}  // namespace bpa::executor
