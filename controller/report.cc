#include "controller/report.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>
#include <string>
#include <utility>

#include "controller/command_builder.h"
#include "controller/history/evidence.h"
#include "controller/output_json.h"
#include "controller/page/page.h"
#include "proto/trusted_file.h"

namespace bpa::controller {
namespace {

constexpr unsigned kPageMode = 0644;

std::vector<Evidence> PlansOf(const Home& home, const Evidence& evidence,
                              const KnownSigners& signers) {
  std::vector<Evidence> plans;
  for (const std::string& id : ReviewedPlanIds(evidence)) {
    // Whoever wrote the id: only what is a kept command's whole id is read.
    const std::vector<std::string> kept = CommandIds(home, id);
    if (kept.size() == 1 && kept.front() == id) plans.push_back(ReadEvidence(home, id, signers));
  }
  return plans;
}

int RunReport(const GlobalOptions& global, const std::string& prefix, const std::string& file) {
  const Home home = Home::Locate(global.home);
  absl::StatusOr<std::string> id = FindCommand(home, prefix);
  if (!id.ok()) return ReportError(global, id.status());
  const KnownSigners signers(home);
  const Evidence evidence = ReadEvidence(home, *id, signers);
  const std::string page = RenderPage(
      {.evidence = evidence,
       .plans = PlansOf(home, evidence, signers),
       .now = absl::Now(),
       .made_by = global.operator_name.empty() ? DefaultOperator() : global.operator_name});
  if (absl::Status written = WriteFileDurably(file, page, kPageMode); !written.ok()) {
    return ReportError(global, written);
  }
  if (global.json()) {
    global.out << ToText({{"id", *id}, {"html", file}, {"problems", evidence.problems}});
  } else {
    global.out << "Wrote command " << *id << " to " << file << "\n";
  }
  for (const std::string& problem : evidence.problems) {
    global.err << "bpactl: does not prove itself: " << Printable(problem, 4) << "\n";
  }
  return evidence.problems.empty() ? kExitConverged : kExitFailed;
}

}  // namespace

void RegisterReport(CLI::App& app, const GlobalOptions& global, int* exit_code) {
  CLI::App* verb = app.add_subcommand(
      "report",
      "Write one command of the history as a page for a change ticket: cluster, plan, each node's\n"
      "timeline and results, what changed before and after, who signed. Verifies every signature\n"
      "again; exits with 3 when something does not prove itself, which the page says too.");
  auto prefix = std::make_shared<std::string>();
  auto file = std::make_shared<std::string>();
  verb->add_option("ID", *prefix, "The command's id, or the beginning of it (`bpactl history`)")
      ->required()
      ->type_name("");
  verb->add_option("--html", *file, "Write the page there: one HTML file that needs nothing else")
      ->required()
      ->type_name("FILE");
  verb->callback(
      [prefix, file, &global, exit_code] { *exit_code = RunReport(global, *prefix, *file); });
}

}  // namespace bpa::controller
