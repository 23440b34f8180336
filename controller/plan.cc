#include "controller/plan.h"

#include <CLI/CLI.hpp>
#include <memory>
#include <ostream>

#include "controller/exit_code.h"
#include "controller/output_json.h"
#include "controller/plan_file.h"
#include "controller/render_plan.h"
#include "controller/session.h"
#include "proto/trusted_file.h"

namespace bpa::controller {
namespace {

constexpr unsigned kPlanFileMode = 0644;

}  // namespace

int RunPlan(const GlobalOptions& global, const FleetRequest& request) {
  absl::StatusOr<Session> session = Session::Open(global, request.nodes);
  if (!session.ok()) return ReportError(global, session.status());
  if (absl::Status status = session->Prepare(request); !status.ok()) {
    return ReportError(global, status);
  }
  absl::StatusOr<SignedCommand> command =
      session->Sign(session->nodes(), {.mode = v1::MODE_PLAN,
                                       .parts = request.parts,
                                       .reset_directories = request.reset,
                                       .reason = request.reason});
  if (!command.ok()) return ReportError(global, command.status());
  absl::StatusOr<RunResult> run = session->Send(session->nodes(), *command, request.fleet);
  if (!run.ok()) return ReportError(global, run.status());
  const ExitCode exit_code = FleetExitCode(run->nodes);
  global.out << (global.json() ? RunAsJson(command->command, run->nodes, exit_code)
                               : RenderPlan(run->nodes, v1::MODE_PLAN, global.color))
             << std::flush;
  if (request.out_file.empty()) return exit_code;
  const std::string plan = EncodePlan(command->command, request.parts, run->nodes);
  if (absl::Status status = WriteFileDurably(request.out_file, plan, kPlanFileMode); !status.ok()) {
    return ReportError(global, status);
  }
  if (!global.json()) {
    global.out << "Saved to " << request.out_file << ": bpactl apply --plan " << request.out_file
               << (request.reset ? " --reset" : "") << "\n";
  }
  return exit_code;
}

void RegisterPlan(CLI::App& app, const GlobalOptions& global, int* exit_code) {
  CLI::App* verb = app.add_subcommand("plan", "Show what an apply would change; changes nothing");
  auto request = std::make_shared<FleetRequest>();
  AddCommandOptions(*verb, request.get());
  verb->add_flag("--reset", request->reset,
                 "Plan also the emptying of directories whose role allows it");
  verb->add_option("--out", request->out_file, "Save the plan, for `bpactl apply --plan`")
      ->type_name("FILE");
  verb->callback([request, &global, exit_code] { *exit_code = RunPlan(global, *request); });
}

}  // namespace bpa::controller
