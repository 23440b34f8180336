#include "controller/verify.h"

#include <CLI/CLI.hpp>
#include <memory>
#include <utility>

#include "controller/apply_flow.h"

namespace bpa::controller {
namespace {

int RunVerify(const GlobalOptions& global, const FleetRequest& request) {
  absl::StatusOr<Session> session = Session::Open(global, request.nodes);
  if (!session.ok()) return ReportError(global, session.status());
  if (absl::Status status = session->Prepare(request); !status.ok()) {
    return ReportError(global, status);
  }
  absl::StatusOr<SignedCommand> command =
      session->Sign(session->nodes(), {.mode = v1::MODE_VERIFY, .reason = request.reason});
  if (!command.ok()) return ReportError(global, command.status());
  return SendAndReport(
      global, *session,
      {.nodes = session->nodes(), .command = *std::move(command), .options = request.fleet});
}

}  // namespace

void RegisterVerify(CLI::App& app, const GlobalOptions& global, int* exit_code) {
  CLI::App* verb = app.add_subcommand(
      "verify", "Check that the nodes are as cluster.yaml wants them; changes nothing");
  auto request = std::make_shared<FleetRequest>();
  AddCommandOptions(*verb, request.get());
  verb->callback([request, &global, exit_code] { *exit_code = RunVerify(global, *request); });
}

}  // namespace bpa::controller
