// Whether this node takes a command at all, before it looks at the machine.
#ifndef BPA_AGENT_EXECUTOR_ADMISSION_H_
#define BPA_AGENT_EXECUTOR_ADMISSION_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/executor/command.h"
#include "agent/executor/config.h"

namespace bpa::executor {

// This node's part of a command. Points into the Command, which must outlive it.
struct Assignment {
  const v1::Target* target;
  const v1::Role* role;
};

// Checks cluster, target, role, validity against `now`, and what the policy allows of the act
// itself. PLAN and VERIFY need one signer; APPLY needs the policy's permission and threshold, and a
// reset the permission in every mode and its threshold in APPLY. What the role's items need is
// PlanResources' matter.
//
// FailedPrecondition: cluster, target, role, clock. PermissionDenied: policy, thresholds. Each has
// its reason (refusal.h), and its message says what to do; those about time tell a stale command
// from clocks that differ.
absl::StatusOr<Assignment> Admit(const Command& command, const Config& config, absl::Time now);

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_ADMISSION_H_
