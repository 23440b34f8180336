#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "controller/page/sections.h"
#include "controller/render_plan.h"
#include "controller/render_show.h"

namespace bpa::controller {
namespace {

std::string ResourceName(const v1::ResourceResult& resource) {
  return absl::StrCat(KindWord(resource.kind()), " ", resource.name());
}

const char* MarkClass(char mark) {
  if (mark == '+') return "mark added";
  return mark == '~' ? "mark altered" : "mark removed";
}

std::string StatusKind(v1::ResourceStatus status) {
  if (status == v1::RESOURCE_STATUS_FAILED) return "bad";
  if (status == v1::RESOURCE_STATUS_CHANGED) return "good";
  return status == v1::RESOURCE_STATUS_UNCHANGED ? "calm" : "warn";
}

Html State(const std::string& text) {
  return text.empty() ? Tag("span", {{"class", "dim"}}, Text("absent")) : Tag("code", text);
}

Html Status(const v1::ResourceResult& resource) {
  std::string word = StatusWord(resource.status());
  std::replace(word.begin(), word.end(), '_', ' ');
  return Badge(StatusKind(resource.status()), word) +
         Tag("div", {{"class", "dim"}},
             Text(absl::StrFormat("%.1f ms",
                                  static_cast<double>(resource.duration_micros()) / 1000)));
}

// One row per change; the resource stands in the first.
Html Rows(const v1::ResourceResult& resource) {
  Html name = Tag("strong", ResourceName(resource));
  if (!resource.message().empty()) name += Tag("div", resource.message());
  if (resource.changes().empty()) {
    return Tag("tr", Cell("Resource", name) + Cell("Status", Status(resource)) +
                         Cell("What", Html()) + Cell("Before", Html()) + Cell("After", Html()));
  }
  Html rows;
  for (int i = 0; i < resource.changes_size(); ++i) {
    const v1::Change& change = resource.changes(i);
    const char mark = ChangeMark(resource.kind(), change);
    const Html what = Tag("span", {{"class", MarkClass(mark)}}, Text(std::string(1, mark))) +
                      Text(change.aspect());
    rows += Tag(
        "tr", Cell("Resource",
                   i == 0 ? name : Tag("span", {{"class", "dim"}}, Text(ResourceName(resource)))) +
                  Cell("Status", i == 0 ? Status(resource) : Html()) + Cell("What", what) +
                  Cell("Before", State(change.before())) + Cell("After", State(change.after())));
  }
  return rows;
}

Html Table(const v1::Report& report) {
  Html rows;
  for (const v1::ResourceResult& resource : report.resources()) {
    if (resource.status() != v1::RESOURCE_STATUS_UNCHANGED) rows += Rows(resource);
  }
  if (rows.empty()) return Tag("p", "Everything was as wanted; nothing was changed.");
  Html heads;
  for (const char* column : {"Resource", "Status", "What", "Before", "After"}) {
    heads += Tag("th", column);
  }
  return Tag("table", {{"class", "changes"}}, Tag("thead", Tag("tr", heads)) + Tag("tbody", rows));
}

Html Unchanged(const v1::Report& report) {
  std::vector<std::string> names;
  for (const v1::ResourceResult& resource : report.resources()) {
    if (resource.status() == v1::RESOURCE_STATUS_UNCHANGED) {
      names.push_back(ResourceName(resource));
    }
  }
  if (names.empty()) return Html();
  return Tag("p", {{"class", "dim"}}, Text("As wanted: " + absl::StrJoin(names, ", ") + "."));
}

Html NodeChanges(const v1::Report& report) {
  const std::string clock =
      absl::StrCat("From ", MomentText(absl::FromUnixMillis(report.started_at_unix_millis())),
                   " to ", MomentText(absl::FromUnixMillis(report.finished_at_unix_millis())),
                   " by the node's clock; agent ", report.agent_version(),
                   "; signatures counted: ", absl::StrJoin(report.signers(), ", "), ".");
  return Tag("section", {{"class", "node"}},
             Tag("h3", report.node()) + Tag("p", {{"class", "dim"}}, Text(clock)) + Table(report) +
                 Unchanged(report));
}

std::string Heading(const Run& run) {
  if (run.mode == "plan") return "What an apply would change";
  return run.mode == "verify" ? "What differs" : "What was changed";
}

}  // namespace

Html ChangesSection(const PageInput& input) {
  Html nodes;
  for (const NodeRun& node : input.evidence.run.nodes) {
    const ReportEvidence* kept = input.evidence.report(node.node);
    if (kept != nullptr && kept->verdict.ok()) {
      nodes += NodeChanges(kept->report);
    } else {
      nodes += Tag("section",
                   Tag("h3", node.node) +
                       Tag("p", kept == nullptr ? "There is no report of this node."
                                                : "The report that is kept does not prove itself, "
                                                  "so it is not shown."));
    }
  }
  return Tag("section", Tag("h2", Heading(input.evidence.run)) + nodes);
}

}  // namespace bpa::controller
