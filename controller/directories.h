// Making directories so that they outlast a power cut.
#ifndef BPA_CONTROLLER_DIRECTORIES_H_
#define BPA_CONTROLLER_DIRECTORIES_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace bpa::controller {

// Makes `path` with mode 0700 and syncs its parent, which must exist. Returns whether it was made:
// false when the directory was there. FailedPrecondition when something else is in its place, or
// when another user owns it or may write it.
absl::StatusOr<bool> MakePrivateDirectory(const std::string& path);

// fsync of a directory: the names in it last.
absl::Status SyncDirectory(const std::string& path);

// "/a/b" for "/a/b/c", "." for "c".
std::string ParentDirectory(const std::string& path);

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_DIRECTORIES_H_
