// `bpactl nodes`.
#ifndef BPA_CONTROLLER_NODES_H_
#define BPA_CONTROLLER_NODES_H_

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "controller/fleet.h"
#include "controller/verb.h"

namespace bpa::controller {

void RegisterNodes(CLI::App& app, const GlobalOptions& global, int* exit_code);

// A table with a line per node; `nodes` and `results` in the same order.
std::string RenderNodes(const std::vector<Node>& nodes, const std::vector<DescribeResult>& results,
                        absl::Time now, bool color);

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_NODES_H_
