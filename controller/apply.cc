#include "controller/apply.h"

#include <CLI/CLI.hpp>
#include <memory>

#include "controller/apply_flow.h"

namespace bpa::controller {

void RegisterApply(CLI::App& app, const GlobalOptions& global, int* exit_code) {
  CLI::App* verb = app.add_subcommand(
      "apply", "Make the nodes as cluster.yaml wants them: plans, asks, changes, reports");
  auto request = std::make_shared<FleetRequest>();
  AddApplyOptions(*verb, request.get());
  AddResetOptions(*verb, request.get());
  verb->add_option("--signed", request->signed_file,
                   "Send this signed command as it is, for the first time or again")
      ->type_name("FILE")
      ->excludes("--plan")
      ->excludes("--write")
      ->excludes("--reset")
      ->excludes("--reason")
      ->excludes("--valid-for");
  verb->callback([request, &global, exit_code] {
    *exit_code =
        request->signed_file.empty() ? RunApply(global, *request) : RunSigned(global, *request);
  });
}

}  // namespace bpa::controller
