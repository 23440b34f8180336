// The end of an apply or a verification: one line per node, and whatever went wrong in full.
#ifndef BPA_CONTROLLER_RENDER_RECAP_H_
#define BPA_CONTROLLER_RENDER_RECAP_H_

#include <string>
#include <vector>

#include "controller/fleet.h"

namespace bpa::controller {

// Every node appears, in the order given:
//
//   node-1  ok=3 changed=9 failed=0 skipped=0  0.8s
//   node-2  unreachable  10.0s
//       cannot connect to 10.0.1.12:7443 (...)
//
// with what of packages was received and reused, the messages of failed resources, the reasons of
// skipped ones, and what to do about a node that did not report. A verification counts `differs=`
// in place of `changed=`.
std::string RenderRecap(const std::vector<NodeResult>& results, bool color);

// The counts of one node's line: "ok=3 changed=9 failed=0 skipped=0".
std::string RenderCounts(const v1::Report& report);

// "0.8s", "12.0s", "3m 20s".
std::string RenderElapsed(absl::Duration elapsed);

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_RENDER_RECAP_H_
