#include "controller/show.h"

#include <CLI/CLI.hpp>
#include <memory>
#include <ostream>
#include <string>

#include "controller/command_text.h"
#include "controller/history/evidence.h"
#include "controller/render_show.h"

namespace bpa::controller {
namespace {

int RunShow(const GlobalOptions& global, const std::string& prefix, bool wanted) {
  const Home home = Home::Locate(global.home);
  absl::StatusOr<std::string> id = FindCommand(home, prefix);
  if (!id.ok()) return ReportError(global, id.status());
  const Evidence evidence = ReadEvidence(home, *id, KnownSigners(home));
  if (global.json()) {
    global.out << EvidenceAsJson(evidence) << std::flush;
  } else {
    global.out << RenderEvidence(evidence, {.directory = home.CommandDirectory(*id),
                                            .columns = global.columns,
                                            .color = global.color});
    if (wanted && evidence.sent.has_value()) {
      global.out << "\n" << CommandText(evidence.sent->command, absl::Now());
    }
    global.out << std::flush;
  }
  return evidence.problems.empty() ? kExitConverged : kExitFailed;
}

}  // namespace

void RegisterShow(CLI::App& app, const GlobalOptions& global, int* exit_code) {
  CLI::App* verb = app.add_subcommand(
      "show",
      "Tell all of one command: who, why, who signed, and for each node what came of it, resource\n"
      "by resource, before and after. Verifies every signature again: exits with 3 when something\n"
      "that is kept does not prove itself, and names it.");
  auto prefix = std::make_shared<std::string>();
  auto wanted = std::make_shared<bool>(false);
  verb->add_option("ID", *prefix, "The command's id, or the beginning of it (`bpactl history`)")
      ->required()
      ->type_name("");
  verb->add_flag("--wanted", *wanted, "Also what the command asked for: roles, targets, expiry");
  verb->callback(
      [prefix, wanted, &global, exit_code] { *exit_code = RunShow(global, *prefix, *wanted); });
}

}  // namespace bpa::controller
