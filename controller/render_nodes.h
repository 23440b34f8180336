// The nodes side by side, as they describe themselves.
#ifndef BPA_CONTROLLER_RENDER_NODES_H_
#define BPA_CONTROLLER_RENDER_NODES_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "controller/fleet.h"

namespace bpa::controller {

struct NodesStyle {
  size_t columns = 0;
  bool color = false;
};

// A table with a line per node, `nodes` and `results` in the same order; then whatever calls for
// attention, a line each. The table is cut at `columns` (0: never).
std::string RenderNodes(const std::vector<Node>& nodes, const std::vector<DescribeResult>& results,
                        absl::Time now, const NodesStyle& style);

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_RENDER_NODES_H_
