// Makes a finished tree the published one, in one rename; and finishes what a crash has left.
#ifndef BPA_AGENT_EXECUTOR_PACKAGE_PUBLISH_H_
#define BPA_AGENT_EXECUTOR_PACKAGE_PUBLISH_H_

#include <functional>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/executor/package/site.h"

namespace bpa::executor {

// Called before each step that a crash can come between; for tests.
using StepHook = std::function<void(std::string_view step)>;

// Publishes incoming/tree, which is complete and has its record. What it replaces becomes
// `previous` if `keep_previous`; what was never ours is always kept. `root` is
// incoming/tree's.
absl::Status PublishIncoming(const Site& site, const RootId& root, bool keep_previous,
                             const StepHook& step);

// Exchanges the published tree for the kept one.
absl::Status PublishPrevious(const Site& site, const StepHook& step);

// Finishes a publication whose exchange had been done, and removes what is on its way out. Nothing
// to do is OK.
absl::Status FinishPublication(const Site& site, const StepHook& step);
// Whether that has something to do.
absl::StatusOr<bool> IsPublicationUnfinished(const Site& site);

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_PACKAGE_PUBLISH_H_
