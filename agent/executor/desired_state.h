// From a role to the resources that make a node as it says.
#ifndef BPA_AGENT_EXECUTOR_DESIRED_STATE_H_
#define BPA_AGENT_EXECUTOR_DESIRED_STATE_H_

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/executor/host.h"
#include "agent/executor/ledger.h"
#include "agent/executor/package/content_source.h"
#include "agent/executor/policy.h"
#include "agent/executor/resource.h"
#include "bpa/v1/command.pb.h"

namespace bpa::executor {

// What resources need to know of the command that they serve.
struct CommandContext {
  std::string command_id;
  v1::Mode mode = v1::MODE_UNSPECIFIED;
  bool reset_directories = false;
  // Distinct trusted keys that signed; acts compare it with the policy's thresholds.
  int distinct_signers = 0;
  // An apply that is bound to a plan: whatever would be refused was looked for when that was made.
  bool reviewed = false;
  // Where packages' bytes come from; null when the command came without (PLAN, VERIFY, or an APPLY
  // that asked for none), and then a package whose content is not on the node fails.
  ContentSource* content = nullptr;
  // For looking often: packages are told by what is recorded of them, and not read.
  bool glance = false;
  // Set when the executor is asked to end: what takes long leaves off. May be null.
  const std::atomic<bool>* stopping = nullptr;
};

struct PlannedResource {
  std::unique_ptr<Resource> resource;
  // Mount point of the role's volume that this lies beneath; empty when beneath none.
  std::string below_volume;
  // The wanted state in a few words ("directory with mode 0777"): what a plan shows while the
  // present state cannot be known because that volume is not mounted yet.
  std::string wanted;
};

// The resources of `role` on the node that is `target`, in the order in which they are converged:
// volumes (parents before children), resets, directories, sysctls, packages. Looks at nothing and
// changes nothing. PermissionDenied when the policy does not allow a value or act, InvalidArgument
// or FailedPrecondition when role and target do not fit together; each names value and place.
// `policy`, `host` and `ledger` must outlive the result; `role` and `target` need not.
absl::StatusOr<std::vector<PlannedResource>> PlanResources(const v1::Role& role,
                                                           const v1::Target& target,
                                                           const CommandContext& context,
                                                           const Policy& policy, Host& host,
                                                           Ledger& ledger);

// PlanResources with policy, host and ledger bound.
std::function<absl::StatusOr<std::vector<PlannedResource>>(const v1::Role&, const v1::Target&,
                                                           const CommandContext&)>
BindPlan(const Policy& policy, Host& host, Ledger& ledger);

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_DESIRED_STATE_H_
