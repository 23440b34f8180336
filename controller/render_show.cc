#include "controller/render_show.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "controller/history/run_json.h"
#include "controller/output_json.h"
#include "controller/render_plan.h"
#include "controller/render_recap.h"
#include "controller/table.h"
#include "controller/verb.h"

namespace bpa::controller {
namespace {

using Json = nlohmann::ordered_json;

std::string Line(const char* label, const std::string& text) {
  return absl::StrFormat("%-10s %s\n", label, Printable(text, 11));
}

std::string PlansText(const v1::Command& command) {
  std::vector<std::string> ids;
  for (const v1::Target& target : command.targets()) {
    if (!target.has_reviewed_plan()) continue;
    const std::string& id = target.reviewed_plan().plan_id();
    if (std::find(ids.begin(), ids.end(), id) == ids.end()) ids.push_back(id);
  }
  return absl::StrJoin(ids, ", ");
}

std::string ResultText(const Run& run) {
  if (!run.finished()) return ResultWord(run);
  return absl::StrCat(ResultWord(run), " (exit code ", run.exit_code, ")");
}

std::string Heading(const Evidence& evidence) {
  const Run& run = evidence.run;
  std::string text = absl::StrCat(
      Line("Command", run.id),
      Line("Verb", absl::StrCat(run.verb, " (mode ", run.mode,
                                run.reset ? ", with the emptying of directories)" : ")")),
      Line("Cluster", run.cluster), Line("Operator", run.operator_name),
      Line("Reason", run.reason.empty() ? "(none given)" : run.reason));
  for (const SignatureCheck& check : evidence.signatures) {
    text += Line("Signed by", SignatureText(check));
  }
  absl::StrAppend(&text, Line("Signed", MomentText(run.issued_at)),
                  Line("Begun", MomentText(run.started_at)));
  if (run.finished()) {
    text += Line("Ended", absl::StrCat(MomentText(run.finished_at), ", after ",
                                       RenderElapsed(run.finished_at - run.started_at)));
  }
  if (run.sendings > 1) text += Line("Sent", absl::StrCat(run.sendings, " times"));
  if (evidence.sent.has_value()) {
    const std::string plans = PlansText(evidence.sent->command);
    if (!plans.empty()) text += Line("Plan", absl::StrCat("bound to ", plans));
  }
  return text + Line("Result", ResultText(run));
}

std::string ReportText(const Evidence& evidence, const NodeRun& node) {
  const ReportEvidence* kept = evidence.report(node.node);
  if (kept == nullptr) return "-";
  return kept->verdict.ok() ? "verified" : "NOT VERIFIED";
}

std::string NodeTable(const Evidence& evidence, const ShowOptions& options) {
  std::vector<TableRow> rows = {
      {{"NODE", "ROLE", "SENT (UTC)", "TOOK", "RESULT", "REPORT", "RESOURCES"}}};
  for (const NodeRun& node : evidence.run.nodes) {
    const bool reported = node.state == StateWord(NodeState::kReported);
    const ReportEvidence* kept = evidence.report(node.node);
    const bool proven = kept != nullptr && kept->verdict.ok();
    rows.push_back(
        {{node.node, node.role,
          node.sent_at == absl::InfinitePast()
              ? "-"
              : absl::FormatTime("%H:%M:%E3S", node.sent_at, absl::UTCTimeZone()),
          node.elapsed == absl::ZeroDuration() ? "-" : RenderElapsed(node.elapsed),
          NodeStateText(node), ReportText(evidence, node),
          proven ? RenderCounts(kept->report) : "-"},
         reported && proven && node.exit_code < kExitFailed ? Color::kNone : Color::kRed});
  }
  std::string text = RenderTable(rows, options.columns, options.color);
  for (const NodeRun& node : evidence.run.nodes) {
    if (node.message.empty()) continue;
    absl::StrAppend(&text, node.node, ": ", Printable(node.message, 4), "\n");
  }
  return text;
}

std::string ResourceLine(const v1::ResourceResult& resource) {
  std::string status = StatusWord(resource.status());
  std::replace(status.begin(), status.end(), '_', ' ');
  return absl::StrFormat("  %-12s %.1f ms\n", status,
                         static_cast<double>(resource.duration_micros()) / 1000);
}

std::string ReportDetails(const v1::Report& report, const ShowOptions& options) {
  std::string text = Paint(Printable(report.node()), Color::kBold, options.color);
  absl::StrAppend(&text, "  by its own clock from ", Rfc3339(report.started_at_unix_millis()),
                  " to ", Rfc3339(report.finished_at_unix_millis()), ", ",
                  OutcomeWord(report.outcome()), "; agent ", Printable(report.agent_version()),
                  "; it counted the signature", report.signers_size() == 1 ? "" : "s", " of ",
                  Printable(absl::StrJoin(report.signers(), ", ")), "\n");
  for (const v1::ResourceResult& resource : report.resources()) {
    const std::string shown = RenderResource(resource, options.color);
    const size_t first = shown.find('\n');
    absl::StrAppend(&text, shown.substr(0, first), ResourceLine(resource), shown.substr(first + 1));
  }
  return text;
}

std::string ProblemsText(const Evidence& evidence, const ShowOptions& options) {
  if (evidence.problems.empty()) return "";
  std::string text = Paint("Does not prove itself:", Color::kRed, options.color) + "\n";
  for (const std::string& problem : evidence.problems) {
    absl::StrAppend(&text, "  ", options.directory, "/", Printable(problem, 4), "\n");
  }
  return text;
}

}  // namespace

std::string SignatureText(const SignatureCheck& check) {
  const std::string key = absl::StrCat("key ", Printable(check.key_id));
  if (check.verdict.ok()) return absl::StrCat(check.signer, ": verified (", key, ")");
  return absl::StrCat(check.signer.empty() ? "?" : check.signer, ": NOT VERIFIED (", key,
                      "): ", check.verdict.message());
}

std::string MomentText(absl::Time time) {
  if (time == absl::InfinitePast()) return "-";
  return absl::FormatTime("%Y-%m-%d %H:%M:%S UTC", time, absl::UTCTimeZone());
}

std::string NodeStateText(const NodeRun& node) {
  if (node.state == kSentState) return "sent, no answer seen";
  if (node.state == StateWord(NodeState::kReported)) return node.outcome;
  std::string state = node.state;
  std::replace(state.begin(), state.end(), '_', ' ');
  return state;
}

std::string UnfinishedText(const Run& run, const std::string& directory) {
  if (run.finished()) return "";
  std::string text = "bpactl has not seen its end: it is still under way, or bpactl was ended. ";
  if (run.mode == ModeWord(v1::MODE_APPLY)) {
    absl::StrAppend(&text, "Sending it again is safe, and completes this: bpactl apply --signed ",
                    directory, "/command.dsse");
  } else {
    absl::StrAppend(&text, "It changes nothing: run it again.");
  }
  return text;
}

std::string RenderEvidence(const Evidence& evidence, const ShowOptions& options) {
  std::string text = Heading(evidence);
  if (const std::string why = UnfinishedText(evidence.run, options.directory); !why.empty()) {
    absl::StrAppend(&text, "           ", why, "\n");
  }
  absl::StrAppend(&text, "\n", NodeTable(evidence, options));
  for (const ReportEvidence& kept : evidence.reports) {
    if (kept.verdict.ok()) absl::StrAppend(&text, "\n", ReportDetails(kept.report, options));
  }
  if (const std::string problems = ProblemsText(evidence, options); !problems.empty()) {
    absl::StrAppend(&text, "\n", problems);
  }
  return text;
}

std::string EvidenceAsJson(const Evidence& evidence) {
  Json document = RunAsJson(evidence.run);
  if (evidence.sent.has_value()) {
    document["expires_at"] = Rfc3339(evidence.sent->command.expires_at_unix_millis());
  }
  document["signatures"] = Json::array();
  for (const SignatureCheck& check : evidence.signatures) {
    document["signatures"].push_back({{"key_id", check.key_id},
                                      {"signer", check.signer},
                                      {"verified", check.verdict.ok()},
                                      {"message", std::string(check.verdict.message())}});
  }
  document["reports"] = Json::array();
  for (const ReportEvidence& kept : evidence.reports) {
    document["reports"].push_back(
        {{"node", kept.node},
         {"verified", kept.verdict.ok()},
         {"message", std::string(kept.verdict.message())},
         {"report", kept.verdict.ok() ? ReportAsJson(kept.report) : Json(nullptr)}});
  }
  document["problems"] = evidence.problems;
  return ToText(document);
}

}  // namespace bpa::controller
