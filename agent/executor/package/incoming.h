// What is being received: the manifest and the place where the tree grows.
#ifndef BPA_AGENT_EXECUTOR_PACKAGE_INCOMING_H_
#define BPA_AGENT_EXECUTOR_PACKAGE_INCOMING_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/executor/linux/paths.h"
#include "agent/executor/package/content_source.h"
#include "agent/executor/package/progress.h"
#include "agent/executor/package/site.h"
#include "bpa/v1/command.pb.h"
#include "proto/manifest.h"

namespace bpa::executor {

bpa::Sha256 ManifestDigest(const v1::Package& package);

// Makes the incoming directory serve `package`: one for another manifest is put aside, where its
// content can be used. Returns the manifest, whole and with the digest that was signed: the one
// that is there, or else from `source` (null: FailedPrecondition), going on where an earlier
// transfer ended. InvalidArgument when what came is another one.
absl::StatusOr<FileDescriptor> PrepareIncoming(const Site& site, const v1::Package& package,
                                               ContentSource* source, ProgressTeller& progress);

// FailedPrecondition, with what is needed and what there is, when the filesystem lacks room.
absl::Status CheckRoom(const Site& site, uint64_t bytes, uint64_t inodes);

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_PACKAGE_INCOMING_H_
