#include "controller/sysctl.h"

#include <CLI/CLI.hpp>
#include <memory>

#include "controller/apply_flow.h"
#include "controller/plan.h"

namespace bpa::controller {

void RegisterSysctl(CLI::App& app, const GlobalOptions& global, int* exit_code) {
  CLI::App* verb = app.add_subcommand("sysctl", "Apply the kernel parameters of the roles alone");
  auto request = std::make_shared<FleetRequest>();
  request->parts = {.volumes = false, .directories = false, .sysctls = true, .packages = false};
  AddApplyOptions(*verb, request.get());
  verb->add_flag("--plan-only", request->plan_only, "Show what would change, and stop there");
  verb->callback([request, &global, exit_code] {
    *exit_code = request->plan_only ? RunPlan(global, *request) : RunApply(global, *request);
  });
}

}  // namespace bpa::controller
