// What was planned, what was asked for, and whose signatures hold.
#include <algorithm>
#include <set>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "controller/command_text.h"
#include "controller/page/sections.h"
#include "controller/render_show.h"

namespace bpa::controller {
namespace {

std::set<std::string> Fingerprints(const v1::Report& report) {
  std::set<std::string> fingerprints;
  for (const v1::ResourceResult& resource : report.resources()) {
    if (resource.status() != v1::RESOURCE_STATUS_CHANGED) continue;
    for (const v1::Change& change : resource.changes()) {
      fingerprints.insert(change.fingerprint_sha256());
    }
  }
  return fingerprints;
}

// Against the change list that was signed with the command.
Html NodePlan(const v1::Target& target, const ReportEvidence* kept) {
  const auto& planned = target.reviewed_plan().change_sha256();
  const std::string of = Plural(static_cast<size_t>(planned.size()), "planned change");
  if (kept == nullptr || !kept->verdict.ok()) {
    return Tag("li", Tag("strong", target.node()) +
                         Text(absl::StrCat(": ", of, "; there is no report to compare with.")));
  }
  std::set<std::string> made = Fingerprints(kept->report);
  const auto done = std::count_if(planned.begin(), planned.end(), [&](const std::string& change) {
    return made.erase(change) > 0;
  });
  std::string text = absl::StrCat(": ", done, " of ", of, " made");
  if (done == planned.size()) text = absl::StrCat(": all of ", of, " made");
  if (made.empty()) return Tag("li", Tag("strong", target.node()) + Text(text + ", nothing else."));
  return Tag("li",
             Tag("strong", target.node()) + Text(text + ". ") +
                 Badge("bad", absl::StrCat(Plural(made.size(), "change"), " that no plan showed")));
}

Html PlanFact(const PageInput& input, const std::string& id) {
  const auto plan = std::find_if(input.plans.begin(), input.plans.end(),
                                 [&id](const Evidence& kept) { return kept.id == id; });
  Html text = Text("Bound to plan ") + Tag("code", id);
  if (plan == input.plans.end()) return Tag("p", text + Text(", which this home does not keep."));
  return Tag("p", text +
                      Text(absl::StrCat(", made by ", plan->run.operator_name, " on ",
                                        MomentText(plan->run.started_at), ". ")) +
                      (plan->problems.empty() ? Badge("good", "its signatures hold")
                                              : Badge("bad", "its signatures do not all hold")));
}

Html SignatureRow(const std::string& what, const std::string& who, const absl::Status& verdict) {
  Html result = verdict.ok() ? Badge("good", "verified") : Badge("bad", "not verified");
  if (!verdict.ok()) result += Tag("div", std::string(verdict.message()));
  return Tag("tr",
             Cell("What", Text(what)) + Cell("Signed by", Text(who)) + Cell("Verdict", result));
}

}  // namespace

Html PlanSection(const PageInput& input) {
  const std::vector<std::string> ids = ReviewedPlanIds(input.evidence);
  if (ids.empty()) return Html();
  Html section = Tag("h2", "Reviewed plan");
  for (const std::string& id : ids) section += PlanFact(input, id);
  Html nodes;
  for (const v1::Target& target : input.evidence.sent->command.targets()) {
    if (target.has_reviewed_plan()) nodes += NodePlan(target, input.evidence.report(target.node()));
  }
  return Tag("section", section +
                            Tag("p",
                                "A node makes no change that its plan did not show: it "
                                "refuses the command instead.") +
                            Tag("ul", nodes));
}

Html CommandSection(const PageInput& input) {
  if (!input.evidence.sent.has_value()) return Html();
  const v1::Command& command = input.evidence.sent->command;
  return Tag(
      "section",
      Tag("h2", "What was asked for") +
          Tag("p", {{"class", "dim"}},
              Text("The signed command, in words; its payload's SHA-256 is " +
                   absl::BytesToHexString(input.evidence.sent->payload_sha256) + ".")) +
          Tag("pre", CommandText(command, absl::FromUnixMillis(command.issued_at_unix_millis()))));
}

Html SignaturesSection(const PageInput& input) {
  Html rows;
  for (const SignatureCheck& check : input.evidence.signatures) {
    const std::string who = check.signer.empty() ? "unknown" : check.signer;
    rows += SignatureRow("command", absl::StrCat(who, " (key ", check.key_id, ")"), check.verdict);
  }
  for (const ReportEvidence& kept : input.evidence.reports) {
    rows += SignatureRow("report of " + kept.node, "the node's own report key", kept.verdict);
  }
  Html heads;
  for (const char* column : {"What", "Signed by", "Verdict"}) heads += Tag("th", column);
  return Tag("section",
             Tag("h2", "Signatures") + Tag("table", {{"class", "proofs"}},
                                           Tag("thead", Tag("tr", heads)) + Tag("tbody", rows)));
}

}  // namespace bpa::controller
