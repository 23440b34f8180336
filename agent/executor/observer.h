// Looks at this node for monitoring: is it still as the last applies wanted it?
#ifndef BPA_AGENT_EXECUTOR_OBSERVER_H_
#define BPA_AGENT_EXECUTOR_OBSERVER_H_

#include <atomic>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/executor/desired_state.h"
#include "agent/executor/journal.h"
#include "bpa/v1/status.pb.h"

namespace bpa::executor {

// PlanResources with policy, host and ledger bound.
using Planner = std::function<absl::StatusOr<std::vector<PlannedResource>>(
    const v1::Role&, const v1::Target&, const CommandContext&)>;
using Clock = std::function<absl::Time()>;

// Longest message about one resource, and most of a status altogether: it is kept by the gateway.
inline constexpr size_t kMaxDriftMessageBytes = 300;
inline constexpr size_t kMaxNodeStatusBytes = size_t{128} * 1024;

// Observes as VERIFY does, but for packages, whose files are not read (PackageRun::glance). Changes
// nothing. Safe to use from several threads.
class Observer {
 public:
  // `journal` outlives this.
  Observer(Planner planner, Journal& journal, Clock clock);

  // `applying`: the APPLY that is being carried out, or empty. While there is one, what it wants is
  // not there yet, and that is no drift: then resources are left out and `error` says why. A state
  // that the policy does not allow any more is in `error` as well. Fails only if the journal does,
  // or with Aborted when `stopping` is set.
  absl::StatusOr<v1::NodeStatus> Look(const std::string& applying,
                                      const std::atomic<bool>& stopping) const;

 private:
  absl::Status LookAtResources(const AppliedState& applied, bool drift,
                               const std::atomic<bool>& stopping, v1::NodeStatus& status) const;

  const Planner planner_;
  Journal& journal_;
  const Clock clock_;
};

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_OBSERVER_H_
