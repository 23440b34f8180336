// A directory tree visited through descriptors: no path is resolved twice, no link is followed, no
// mount is entered, and neither depth nor names can exhaust descriptors or the stack.
#ifndef BPA_AGENT_EXECUTOR_LINUX_TREE_WALK_H_
#define BPA_AGENT_EXECUTOR_LINUX_TREE_WALK_H_

#include <sys/stat.h>

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace bpa::executor {

struct TreeEntry {
  const std::string& path;   // relative to the root of the walk
  int parent;                // the directory that holds it
  const std::string& name;   // in that directory
  const struct statx& info;  // STATX_BASIC_STATS
};

class TreeVisitor {
 public:
  virtual ~TreeVisitor() = default;
  // Each entry below the root, in the order of sorted names, a directory before what it holds.
  virtual absl::Status Visit(const TreeEntry& entry) = 0;
  // A directory after everything that it holds.
  virtual absl::Status Leave(const TreeEntry& entry) = 0;
};

// Walks what is below the directory `root`; stops at the visitor's first error. Entries that vanish
// meanwhile are passed over. FailedPrecondition at a mount point, Aborted if a directory is moved
// while the walk is in it. `shown` is the root's path, for errors.
absl::Status WalkTree(int root, const std::string& shown, TreeVisitor& visitor);

// statx(2) without following a link, with the id of the mount and, where it is kept, the birth
// time.
absl::StatusOr<struct statx> StatEntry(int directory, const std::string& name,
                                       const std::string& shown);

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_LINUX_TREE_WALK_H_
