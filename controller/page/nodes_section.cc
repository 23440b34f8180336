#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "controller/page/sections.h"
#include "controller/render_recap.h"
#include "controller/render_show.h"

namespace bpa::controller {
namespace {

std::string Kind(const NodeRun& node) {
  if (node.state == StateWord(NodeState::kNotSent) || node.state == kSentState) return "warn";
  return KindOf(node.exit_code, true);
}

Html Proof(const Evidence& evidence, const NodeRun& node) {
  const ReportEvidence* kept = evidence.report(node.node);
  if (kept == nullptr) return Text("none");
  return kept->verdict.ok() ? Badge("good", "verified") : Badge("bad", "not verified");
}

std::string Counts(const Evidence& evidence, const NodeRun& node) {
  const ReportEvidence* kept = evidence.report(node.node);
  if (kept == nullptr || !kept->verdict.ok()) return "-";
  const bpa::controller::Counts counts = CountResources(kept->report);
  std::string text = absl::StrCat(counts.ok, " as wanted");
  if (counts.changed > 0) absl::StrAppend(&text, ", ", counts.changed, " changed");
  if (counts.would_change > 0) absl::StrAppend(&text, ", ", counts.would_change, " differ");
  if (counts.failed > 0) absl::StrAppend(&text, ", ", counts.failed, " failed");
  if (counts.skipped > 0) absl::StrAppend(&text, ", ", counts.skipped, " skipped");
  return text;
}

Html Row(const Evidence& evidence, const NodeRun& node) {
  Html result = Badge(Kind(node), NodeStateText(node));
  if (!node.message.empty()) result += Tag("div", node.message);
  const std::string sent = node.sent_at == absl::InfinitePast()
                               ? "-"
                               : absl::FormatTime("%H:%M:%E3S", node.sent_at, absl::UTCTimeZone());
  return Tag("tr", Cell("Node", Tag("strong", node.node)) + Cell("Role", Text(node.role)) +
                       Cell("Result", result) + Cell("Resources", Text(Counts(evidence, node))) +
                       Cell("Sent", Text(sent)) +
                       Cell("Took", Text(node.elapsed == absl::ZeroDuration()
                                             ? "-"
                                             : RenderElapsed(node.elapsed))) +
                       Cell("Report", Proof(evidence, node)));
}

// Where in the run's time a node's part lies, in percent.
struct Span {
  double from = 0;
  double width = 0;
};

Span SpanOf(const NodeRun& node, absl::Time begin, absl::Duration whole) {
  const auto part = [whole](absl::Duration d) {
    return std::clamp(absl::FDivDuration(d, whole) * 100, 0.0, 100.0);
  };
  const double from = part(node.sent_at - begin);
  return {.from = from, .width = std::min(part(node.elapsed), 100 - from)};
}

absl::Time EndOf(const Run& run) {
  absl::Time end = run.finished() ? run.finished_at : run.started_at;
  for (const NodeRun& node : run.nodes) {
    if (node.sent_at != absl::InfinitePast()) end = std::max(end, node.sent_at + node.elapsed);
  }
  return end;
}

// By the bastion's clock: from the sending to the answer.
Html Timeline(const Run& run) {
  absl::Time begin = run.started_at;
  for (const NodeRun& node : run.nodes) {
    if (node.sent_at != absl::InfinitePast()) begin = std::min(begin, node.sent_at);
  }
  const absl::Duration whole = EndOf(run) - begin;
  if (whole <= absl::ZeroDuration()) return Html();
  Html bars;
  for (const NodeRun& node : run.nodes) {
    Html bar;
    if (node.sent_at != absl::InfinitePast()) {
      const Span span = SpanOf(node, begin, whole);
      bar = Tag("div",
                {{"class", absl::StrCat("bar ", Kind(node))},
                 {"style", absl::StrFormat("left:%.2f%%;width:%.2f%%;background:currentColor",
                                           span.from, span.width)}},
                Html());
    }
    bars += Tag("li", Tag("span", node.node) + Tag("div", {{"class", "track"}}, bar));
  }
  bars += Tag("li", Tag("span", "") + Tag("div", {{"class", "axis"}},
                                          Tag("span", "0 s") + Tag("span", RenderElapsed(whole))));
  return Tag("ul", {{"class", "bars"}}, bars);
}

}  // namespace

Html NodesSection(const PageInput& input) {
  const Run& run = input.evidence.run;
  Html heads;
  for (const char* column : {"Node", "Role", "Result", "Resources", "Sent", "Took", "Report"}) {
    heads += Tag("th", column);
  }
  Html rows;
  for (const NodeRun& node : run.nodes) rows += Row(input.evidence, node);
  return Tag("section", Tag("h2", "Nodes") +
                            Tag("table", {{"class", "nodes"}},
                                Tag("thead", Tag("tr", heads)) + Tag("tbody", rows)) +
                            Timeline(run));
}

}  // namespace bpa::controller
