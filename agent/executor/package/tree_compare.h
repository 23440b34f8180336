// Compares a tree with its manifest.
#ifndef BPA_AGENT_EXECUTOR_PACKAGE_TREE_COMPARE_H_
#define BPA_AGENT_EXECUTOR_PACKAGE_TREE_COMPARE_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "agent/executor/package/content_check.h"
#include "agent/executor/package/tree_record.h"

namespace bpa::executor {

struct TreeDifference {
  std::string path;    // relative; empty for the root
  std::string before;  // "missing", "extra", "mode 0600", "other content at offset 65536"
  std::string after;   // "absent", "mode 0644", "as in the manifest"
  // Extra, or of another type than wanted.
  bool in_the_way = false;
};

struct CompareOptions {
  uint32_t uid = 0;
  uint32_t gid = 0;
  // The tree is still coming about: only what is in the way is told, and the content of whatever
  // files there are is looked at.
  bool unfinished = false;
  // What the tree was when it was published. With it, what has not been touched since is taken for
  // good unless `everything` is set, and modification times are compared.
  TreeRecordReader* record = nullptr;
  bool everything = false;
  // Where to read content; null: content is not looked at.
  ContentCheck* content = nullptr;
  // Gives each directory its owner, mode and time before it is compared.
  bool finish_directories = false;
  // Counts the entries that are there.
  uint64_t* found = nullptr;
  // Gets the stamp of each entry.
  TreeRecordWriter* write_record = nullptr;
  // Called now and then; a failure ends the walk.
  std::function<absl::Status()> tick;
  // Each difference but those of content, which the check's verdicts tell; from this thread.
  std::function<absl::Status(const TreeDifference&)> differs;
};

// Walks tree and manifest side by side. Of what is missing or extra only the topmost is named.
// `manifest` and `root` are open and stay the caller's; `shown` is the tree's path, for errors.
// Failures are those of reading; differences are none.
absl::Status CompareTree(int manifest, int root, const std::string& shown,
                         const CompareOptions& options);

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_PACKAGE_TREE_COMPARE_H_
