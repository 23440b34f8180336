#include "controller/history.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "controller/history/history_index.h"
#include "controller/history/run_json.h"
#include "controller/output_json.h"
#include "controller/table.h"

namespace bpa::controller {
namespace {

constexpr int kDefaultLimit = 50;
// Milliseconds of the time, and enough for `show`.
constexpr size_t kShortIdLength = 13;
// With it a line fits 80 columns but for a long reason.
constexpr size_t kOperatorWidth = 24;

struct HistoryRequest {
  HistoryFilter filter{.limit = kDefaultLimit};
  std::string since;
  std::string until;
  bool rebuild = false;
};

Color ColorOf(const Run& run) {
  const std::string result = ResultWord(run);
  if (result == "converged") return Color::kNone;
  return result == "differences" || result == "not sent" ? Color::kYellow : Color::kRed;
}

std::string What(const Run& run) {
  const bool said = run.verb == run.mode || run.verb.starts_with(run.mode + " ");
  return absl::StrCat(run.verb, said ? "" : absl::StrCat(" (", run.mode, ")"),
                      run.reset ? " RESET" : "");
}

TableRow ToRow(const Run& run) {
  return {{absl::FormatTime("%Y-%m-%d %H:%M", run.started_at, absl::UTCTimeZone()),
           run.id.substr(0, kShortIdLength), What(run), ResultWord(run),
           absl::StrCat(run.reported(), "/", run.nodes.size()),
           Shortened(run.operator_name, kOperatorWidth), run.reason.empty() ? "-" : run.reason},
          ColorOf(run)};
}

absl::Status ReadMoments(HistoryRequest* request, absl::Time now) {
  for (const auto& [text, time] : {std::pair{&request->since, &request->filter.since},
                                   std::pair{&request->until, &request->filter.until}}) {
    if (text->empty()) continue;
    absl::StatusOr<absl::Time> moment = ParseMoment(*text, now);
    if (!moment.ok()) return moment.status();
    *time = *moment;
  }
  return absl::OkStatus();
}

int Rebuild(const GlobalOptions& global) {
  const absl::StatusOr<int> rebuilt = RebuildHistory(Home::Locate(global.home));
  if (!rebuilt.ok()) return ReportError(global, rebuilt.status());
  global.err << "Made the history's index anew from "
             << Plural(static_cast<size_t>(*rebuilt), "command")
             << "; the former one is history.db.old.\n";
  return kExitConverged;
}

int RunHistory(const GlobalOptions& global, HistoryRequest request) {
  if (absl::Status status = ReadMoments(&request, absl::Now()); !status.ok()) {
    return ReportError(global, status);
  }
  const Home home = Home::Locate(global.home);
  // No index is made where there is no home.
  if (absl::Status there = home.ReadCluster().status(); absl::IsNotFound(there)) {
    return ReportError(global, there);
  }
  if (request.rebuild) return Rebuild(global);
  absl::StatusOr<std::unique_ptr<HistoryIndex>> history = HistoryIndex::Open(home);
  if (!history.ok()) return ReportError(global, history.status());
  if (auto caught_up = (*history)->CatchUp(); !caught_up.ok()) {
    return ReportError(global, caught_up.status());
  }
  absl::StatusOr<std::vector<Run>> runs = (*history)->List(request.filter);
  if (!runs.ok()) return ReportError(global, runs.status());
  if (global.json()) {
    global.out << HistoryAsJson(*runs) << std::flush;
  } else if (runs->empty()) {
    global.err << "No command was given that fits.\n";
  } else {
    global.out << RenderHistory(*runs, global.columns, global.color) << std::flush;
  }
  return kExitConverged;
}

}  // namespace

std::string RenderHistory(const std::vector<Run>& runs, size_t columns, bool color) {
  std::vector<TableRow> rows = {
      {{"WHEN (UTC)", "ID", "VERB", "RESULT", "NODES", "OPERATOR", "REASON"}}};
  for (const Run& run : runs) rows.push_back(ToRow(run));
  return RenderTable(rows, columns, color);
}

std::string HistoryAsJson(const std::vector<Run>& runs) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const Run& run : runs) list.push_back(RunAsJson(run));
  return ToText({{"commands", std::move(list)}});
}

absl::StatusOr<absl::Time> ParseMoment(const std::string& text, absl::Time now) {
  absl::Time time;
  std::string error;
  for (const char* format : {absl::RFC3339_full, "%Y-%m-%d", "%Y-%m-%d %H:%M:%S"}) {
    if (absl::ParseTime(format, text, absl::UTCTimeZone(), &time, &error)) return time;
  }
  absl::Duration ago;
  int days = 0;
  if (text.ends_with('d') && absl::SimpleAtoi(text.substr(0, text.size() - 1), &days)) {
    return now - days * absl::Hours(24);
  }
  if (absl::ParseDuration(text, &ago)) return now - ago;
  return absl::InvalidArgumentError(
      absl::StrCat("'", text,
                   "' is no moment: write 2026-11-25, 2026-11-25T13:50:00Z, or how long ago: 90m, "
                   "24h, 7d"));
}

void RegisterHistory(CLI::App& app, const GlobalOptions& global, int* exit_code) {
  CLI::App* verb = app.add_subcommand(
      "history",
      "List the commands that were given from this home, newest first: who, when, why, and what\n"
      "came of it. `bpactl show ID` tells all of one.");
  auto request = std::make_shared<HistoryRequest>();
  HistoryFilter& filter = request->filter;
  verb->add_option("--since", request->since,
                   "Begun at or after: 2026-11-25, 2026-11-25T13:50:00Z, or how long ago: 24h, 7d")
      ->type_name("WHEN");
  verb->add_option("--until", request->until, "Begun before")->type_name("WHEN");
  verb->add_option("--node", filter.node, "That had this node as a target")->type_name("NODE");
  // The global --operator says who asks; after this verb it says whose.
  verb->add_option("--operator", filter.operator_name, "By this operator: NAME or NAME@HOST")
      ->type_name("NAME");
  verb->add_option("--mode", filter.mode, "Of this mode: plan, apply or verify")
      ->check(CLI::IsMember({"plan", "apply", "verify"}).description(""))
      ->type_name("MODE");
  verb->add_option("--verb", filter.verb, "By this verb: stage, say")->type_name("VERB");
  verb->add_option("--limit", filter.limit, "At most so many, the newest; 0: all (default: 50)")
      ->check(CLI::Range(0, 1'000'000).description(""));
  verb->add_flag("--rebuild", request->rebuild,
                 "Make the index (history.db) anew from commands/, and list nothing");
  verb->callback([request, &global, exit_code] { *exit_code = RunHistory(global, *request); });
}

}  // namespace bpa::controller
