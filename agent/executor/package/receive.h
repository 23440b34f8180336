// Gets what is still missing of a tree, and makes everything that has no content.
#ifndef BPA_AGENT_EXECUTOR_PACKAGE_RECEIVE_H_
#define BPA_AGENT_EXECUTOR_PACKAGE_RECEIVE_H_

#include "absl/status/status.h"
#include "agent/executor/package/assembly.h"
#include "agent/executor/package/content_source.h"

namespace bpa::executor {

// Every entry exists afterwards, and every chunk that does not repeat is good: each has been
// compared with its digest before it was written, and read again as it lies on the disk. `source`
// may be null when nothing is missing. DataLoss, naming file and offset, for a chunk that is not
// what the manifest says.
absl::Status ReceiveMissing(Assembly& assembly, const bpa::Sha256& manifest_digest,
                            ContentSource* source);

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_PACKAGE_RECEIVE_H_
