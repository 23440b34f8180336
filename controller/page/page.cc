#include "controller/page/page.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controller/page/sections.h"
#include "controller/page/style.h"
#include "controller/render_recap.h"
#include "controller/render_show.h"
#include "controller/verb.h"
#include "controller/version.h"

namespace bpa::controller {
namespace {

// An element without an end, whose attributes are ours alone.
constexpr char kHead[] =
    "<meta charset=\"utf-8\">"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
    "<meta http-equiv=\"Content-Security-Policy\" "
    "content=\"default-src 'none'; style-src 'unsafe-inline'\">"
    "<meta name=\"referrer\" content=\"no-referrer\">";

std::string Act(const Run& run) {
  if (run.verb.starts_with("stage")) return run.mode == "apply" ? "Staging" : "Plan of a staging";
  if (run.mode == "plan") return "Plan";
  return run.mode == "verify" ? "Verification" : "Apply";
}

std::string Title(const Run& run) { return absl::StrCat(Act(run), " on ", run.cluster); }

Html Fact(const std::string& name, const Html& value) { return Tag("dt", name) + Tag("dd", value); }

Html ProofNote(const PageInput& input) {
  const Evidence& evidence = input.evidence;
  const std::string when = absl::StrCat("on ", MomentText(input.now), " by ", input.made_by);
  if (evidence.problems.empty()) {
    const size_t files = evidence.reports.size() + 1;
    return Tag("div", {{"class", "note good"}},
               Tag("p", absl::StrCat("The signed command and ",
                                     Plural(evidence.reports.size(), "signed report"),
                                     " were verified again ", when, ": ",
                                     files == 1 ? "its signature holds." : "all of them hold.")));
  }
  Html list;
  for (const std::string& problem : evidence.problems) list += Tag("li", problem);
  return Tag("div", {{"class", "note bad"}},
             Tag("p", Tag("strong", "Not everything here proves itself. ") +
                          Text(absl::StrCat("When it was verified again ", when,
                                            ", this did not hold:"))) +
                 Tag("ul", list));
}

Html SignersFact(const Evidence& evidence) {
  Html signers;
  for (const SignatureCheck& check : evidence.signatures) {
    const std::string who = check.signer.empty() ? "unknown" : check.signer;
    signers += Tag(
        "div", Text(absl::StrCat(who, " ")) +
                   (check.verdict.ok() ? Badge("good", "verified") : Badge("bad", "not verified")));
  }
  return signers.empty() ? Text("nobody") : signers;
}

}  // namespace

Html Badge(const std::string& kind, const std::string& text) {
  return Tag("span", {{"class", "badge " + kind}}, Text(text));
}

Html Cell(const std::string& column, const Html& content) {
  return Tag("td", {{"data-label", column}}, Tag("div", content));
}

std::string KindOf(int exit_code, bool finished) {
  if (!finished) return "warn";
  if (exit_code == kExitConverged) return "good";
  return exit_code == kExitDifferences ? "warn" : "bad";
}

std::vector<std::string> ReviewedPlanIds(const Evidence& evidence) {
  std::vector<std::string> ids;
  if (!evidence.sent.has_value()) return ids;
  for (const v1::Target& target : evidence.sent->command.targets()) {
    if (!target.has_reviewed_plan()) continue;
    const std::string& id = target.reviewed_plan().plan_id();
    if (std::find(ids.begin(), ids.end(), id) == ids.end()) ids.push_back(id);
  }
  return ids;
}

Html SummarySection(const PageInput& input) {
  const Evidence& evidence = input.evidence;
  const Run& run = evidence.run;
  Html facts = Fact("Cluster", Text(run.cluster)) + Fact("Asked by", Text(run.operator_name)) +
               Fact("Reason", Text(run.reason.empty() ? "none given" : run.reason)) +
               Fact("Signed by", SignersFact(evidence)) +
               Fact("Begun", Text(MomentText(run.started_at)));
  if (run.finished()) {
    facts +=
        Fact("Ended", Text(absl::StrCat(MomentText(run.finished_at), " (after ",
                                        RenderElapsed(run.finished_at - run.started_at), ")")));
  }
  if (run.sendings > 1) facts += Fact("Sent", Text(absl::StrCat(run.sendings, " times")));
  const std::vector<std::string> plans = ReviewedPlanIds(evidence);
  if (!plans.empty()) {
    facts += Fact("Reviewed plan", Tag("code", absl::StrJoin(plans, ", ")));
  }
  facts += Fact("Command", Tag("code", run.id));
  Html heading =
      Text(Title(run)) + Text(" ") + Badge(KindOf(run.exit_code, run.finished()), ResultWord(run));
  Html section = Tag("h1", heading) + Tag("dl", {{"class", "facts"}}, facts);
  if (run.reset) {
    section += Tag("div", {{"class", "note warn"}},
                   Tag("p", "This command was allowed to empty directories (reset)."));
  }
  if (!run.finished()) {
    section += Tag("div", {{"class", "note warn"}},
                   Tag("p", "It is unfinished: bpactl has not seen its end on every node."));
  }
  return section + ProofNote(input);
}

std::string RenderPage(const PageInput& input) {
  const Run& run = input.evidence.run;
  const Html body =
      Tag("main", SummarySection(input) + NodesSection(input) + ChangesSection(input) +
                      PlanSection(input) + CommandSection(input) + SignaturesSection(input)) +
      Tag("footer",
          Text("Made by bpactl " + std::string(Version()) + " on " + MomentText(input.now) +
               ". Times are UTC. To verify it against what is "
               "kept: ") +
              Tag("code", "bpactl show " + run.id));
  return absl::StrCat(
      "<!DOCTYPE html>\n<html lang=\"en\"><head>", kHead,
      Tag("title", absl::StrCat(Title(run), ": ", ResultWord(run), " (", run.id, ")")).source(),
      "<style>", kPageStyle, "</style></head>\n", Tag("body", body).source(), "</html>\n");
}

}  // namespace bpa::controller
