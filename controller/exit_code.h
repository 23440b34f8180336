// What a run over the fleet exits with.
#ifndef BPA_CONTROLLER_EXIT_CODE_H_
#define BPA_CONTROLLER_EXIT_CODE_H_

#include <vector>

#include "controller/fleet.h"
#include "controller/verb.h"

namespace bpa::controller {

// Whether a node counts as failed: for the exit code, for `--max-failures`, and for the recap.
bool Failed(const NodeResult& result);

// The worst of the nodes: refused, unreachable, failed (which includes not sent and a report that
// cannot be believed), differences, converged.
ExitCode FleetExitCode(const std::vector<NodeResult>& results);

// kExitUnreachable if any node did not answer.
ExitCode DescribeExitCode(const std::vector<DescribeResult>& results);

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_EXIT_CODE_H_
