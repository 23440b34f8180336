#include "controller/mount.h"

#include <CLI/CLI.hpp>
#include <memory>

#include "controller/apply_flow.h"
#include "controller/plan.h"

namespace bpa::controller {

void RegisterMount(CLI::App& app, const GlobalOptions& global, int* exit_code) {
  CLI::App* verb = app.add_subcommand("mount", "Apply the volumes of the roles alone");
  auto request = std::make_shared<FleetRequest>();
  request->parts = {.volumes = true, .directories = false, .sysctls = false, .packages = false};
  AddApplyOptions(*verb, request.get());
  verb->add_flag("--plan-only", request->plan_only, "Show what would change, and stop there");
  verb->callback([request, &global, exit_code] {
    *exit_code = request->plan_only ? RunPlan(global, *request) : RunApply(global, *request);
  });
}

}  // namespace bpa::controller
