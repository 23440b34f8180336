// Brings one package to its destination, from whatever state an earlier run has left.
#ifndef BPA_AGENT_EXECUTOR_PACKAGE_STAGING_H_
#define BPA_AGENT_EXECUTOR_PACKAGE_STAGING_H_

#include <cstdint>

#include "absl/status/status.h"
#include "agent/executor/package/content_source.h"
#include "agent/executor/package/progress.h"
#include "agent/executor/package/publish.h"
#include "agent/executor/package/site.h"
#include "bpa/v1/command.pb.h"

namespace bpa::executor {

struct StagingContext {
  const v1::Package& package;
  uint32_t uid = 0;
  uint32_t gid = 0;
  ContentSource* content = nullptr;
  ProgressTeller& progress;
  const StepHook& step;
};

// Manifest, room, reuse, transfer, check, publication. `site` is locked by the caller, and what an
// earlier publication has left is finished. What has come is kept when it fails, for the next run.
absl::Status StagePackage(const Site& site, const StagingContext& context);

// Checks the kept tree whole and exchanges the published one for it. FailedPrecondition when it is
// not what the command names.
absl::Status RollBack(const Site& site, const StagingContext& context);

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_PACKAGE_STAGING_H_
