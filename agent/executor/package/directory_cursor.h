// Finds the entries of a manifest in a tree.
#ifndef BPA_AGENT_EXECUTOR_PACKAGE_DIRECTORY_CURSOR_H_
#define BPA_AGENT_EXECUTOR_PACKAGE_DIRECTORY_CURSOR_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "agent/executor/linux/paths.h"

namespace bpa::executor {

struct EntryPlace {
  int directory;     // the cursor's; good until it is asked again
  std::string name;  // empty for the tree's root
};

// Holds the directory that it was asked for last, since a manifest's neighbours share one: a tree
// of any depth takes one descriptor. No link is followed and no mount entered.
class DirectoryCursor {
 public:
  // `root` stays the caller's. `shown` is the tree's path, for errors.
  DirectoryCursor(int root, std::string shown) : root_(root), shown_(std::move(shown)) {}

  // Where the entry with this relative path is or would be. NotFound when its directory does not
  // exist; FailedPrecondition when a link or a mount is on the way.
  absl::StatusOr<EntryPlace> Find(std::string_view path);

  std::string Shown(std::string_view path) const;

 private:
  const int root_;
  const std::string shown_;
  FileDescriptor current_;
  std::string current_path_;
};

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_PACKAGE_DIRECTORY_CURSOR_H_
