// Whether a published tree is still what was published.
#ifndef BPA_AGENT_EXECUTOR_PACKAGE_TREE_CHECK_H_
#define BPA_AGENT_EXECUTOR_PACKAGE_TREE_CHECK_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/executor/package/progress.h"
#include "agent/executor/package/site.h"
#include "agent/executor/package/tree_compare.h"

namespace bpa::executor {

// The first differences by path, and how many there are.
struct TreeFindings {
  std::vector<TreeDifference> differences;
  uint64_t total = 0;
};
inline constexpr size_t kMaxNamedDifferences = 50;

struct TreeExpectation {
  uint32_t uid = 0;
  uint32_t gid = 0;
  // Reads every byte. Otherwise only what has been touched since it was published.
  bool everything = false;
};

// Compares the tree `root` with the manifest and stat record in the store's directory `record`.
absl::StatusOr<TreeFindings> CheckTree(const Site& site, const std::string& record, int root,
                                       const std::string& shown, const TreeExpectation& expectation,
                                       ProgressTeller& progress);

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_PACKAGE_TREE_CHECK_H_
