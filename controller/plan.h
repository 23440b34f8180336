// `bpactl plan`.
#ifndef BPA_CONTROLLER_PLAN_H_
#define BPA_CONTROLLER_PLAN_H_

#include "controller/fleet_request.h"
#include "controller/verb.h"

namespace bpa::controller {

void RegisterPlan(CLI::App& app, const GlobalOptions& global, int* exit_code);

// Shows the differences, saves them where `out_file` says, and returns the exit code.
int RunPlan(const GlobalOptions& global, const FleetRequest& request);

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_PLAN_H_
