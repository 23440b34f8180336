// What the last applies wanted of this node: what drift is measured against.
#ifndef BPA_AGENT_EXECUTOR_APPLIED_STATE_H_
#define BPA_AGENT_EXECUTOR_APPLIED_STATE_H_

#include <optional>
#include <string>

#include "absl/time/time.h"
#include "bpa/v1/command.pb.h"
#include "bpa/v1/report.pb.h"

namespace bpa::executor {

struct AppliedState {
  // The last APPLY that this node took.
  std::string command_id;
  std::string operator_name;
  // Of its end, or of its acceptance while it is unfinished.
  absl::Time at;
  // UNSPECIFIED while it is unfinished.
  v1::Outcome outcome = v1::OUTCOME_UNSPECIFIED;
  v1::Role role;
  // Node and volumes; without its reviewed plan.
  v1::Target target;
};

// What is wanted once `next` has been taken: `next`, and, when its role is partial, of `previous`
// those kinds of resources that `next` has none of, and those volumes that it does not name. Roles
// of different names have nothing to do with each other.
AppliedState Succeed(const std::optional<AppliedState>& previous, AppliedState next);

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_APPLIED_STATE_H_
