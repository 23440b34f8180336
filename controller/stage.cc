#include "controller/stage.h"

#include <CLI/CLI.hpp>
#include <memory>

#include "controller/apply_flow.h"
#include "controller/packages.h"
#include "controller/plan.h"

namespace bpa::controller {
namespace {

int RunStage(const GlobalOptions& global, const std::string& directory, FleetRequest request) {
  StagingWish& wish = *request.staging;
  if (!wish.rollback) {
    wish.directory = directory;
  } else if (!directory.empty()) {
    // What stands where the directory would is the first node.
    request.nodes.insert(request.nodes.begin(), directory);
  }
  if (!wish.rollback && directory.empty()) {
    return ReportError(global, absl::InvalidArgumentError(
                                   "which directory? bpactl stage DIR [NODE...], or --rollback"));
  }
  return request.plan_only ? RunPlan(global, request) : RunApply(global, request);
}

}  // namespace

void RegisterStage(CLI::App& app, const GlobalOptions& global, int* exit_code) {
  CLI::App* verb = app.add_subcommand(
      "stage", "Publish a directory tree on the nodes, whole and verified, in one rename");
  auto request = std::make_shared<FleetRequest>();
  auto directory = std::make_shared<std::string>();
  request->parts = {.volumes = false, .directories = false, .sysctls = false, .packages = true};
  request->staging = StagingWish{.destination = kDefaultDestination};
  StagingWish& wish = *request->staging;
  verb->add_option("DIR", *directory, "The directory on this machine")->type_name("");
  AddApplyOptions(*verb, request.get());
  verb->add_option("--to", wish.destination,
                   "Where it is published on the nodes (default: /opt/bpa/packages)")
      ->type_name("PATH");
  verb->add_option("--label", wish.label,
                   "What people call this content: a release, say (default: the directory's name)")
      ->type_name("TEXT");
  verb->add_flag("--keep-previous", wish.keep_previous,
                 "Keep the tree that was there, for --rollback");
  verb->add_flag("--rollback", wish.rollback,
                 "Exchange the published tree for the one that was kept; without DIR")
      ->excludes("--label")
      ->excludes("--keep-previous");
  verb->add_flag("--plan-only", request->plan_only, "Show what would change, and stop there");
  verb->callback([request, directory, &global, exit_code] {
    *exit_code = RunStage(global, *directory, *request);
  });
}

}  // namespace bpa::controller
