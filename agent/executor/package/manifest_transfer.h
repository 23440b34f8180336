// Gets a package's manifest onto this node.
#ifndef BPA_AGENT_EXECUTOR_PACKAGE_MANIFEST_TRANSFER_H_
#define BPA_AGENT_EXECUTOR_PACKAGE_MANIFEST_TRANSFER_H_

#include <string>

#include "absl/status/status.h"
#include "agent/executor/package/content_source.h"
#include "agent/executor/package/progress.h"
#include "agent/executor/package/site.h"
#include "bpa/v1/command.pb.h"

namespace bpa::executor {

// Completes the file `to`, which holds the manifest's beginning or nothing: with what older
// manifests in the store have in common with it, and the rest from `source` (null:
// FailedPrecondition when anything is missing). What it holds afterwards nobody has verified: the
// index by which pieces are found is unsigned. InvalidArgument when the index is malformed; else
// the failures of source and disk, after which the file can be completed later. `shown` is its name
// for people. At every moment it holds nothing but a beginning of what the index describes, also
// after a crash.
absl::Status CompleteManifest(const Site& site, const v1::Package& package, int to,
                              const std::string& shown, ContentSource* source,
                              ProgressTeller& progress);

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_PACKAGE_MANIFEST_TRANSFER_H_
