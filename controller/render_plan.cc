#include "controller/render_plan.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controller/exit_code.h"
#include "controller/report_text.h"

namespace bpa::controller {
namespace {

constexpr size_t kAspectWidth = 12;

bool IsNothing(const std::string& state) {
  constexpr const char* kNothing[] = {"",        "absent",  "blank",       "missing", "none",
                                      "nothing", "not set", "not mounted", "no entry"};
  // "blank, 2 TiB, vol-..." says of what.
  return state.starts_with("blank,") ||
         std::any_of(std::begin(kNothing), std::end(kNothing),
                     [&](const char* word) { return state == word; });
}

Color MarkColor(char mark) {
  if (mark == '+') return Color::kGreen;
  return mark == '~' ? Color::kYellow : Color::kRed;
}

std::string Pad(const std::string& text, size_t width) {
  return text.size() < width ? text + std::string(width - text.size(), ' ') : text;
}

bool Shown(const v1::ResourceResult& resource) {
  return resource.status() == v1::RESOURCE_STATUS_WOULD_CHANGE ||
         resource.status() == v1::RESOURCE_STATUS_CHANGED ||
         resource.status() == v1::RESOURCE_STATUS_FAILED;
}

std::string RenderReport(const v1::Report& report, bool color) {
  std::string text;
  for (const v1::ResourceResult& resource : report.resources()) {
    if (Shown(resource)) text += RenderResource(resource, color);
  }
  for (const SkipReason& reason : SkipReasons(report)) {
    for (const std::string& name : reason.names) {
      absl::StrAppend(&text, "  ", Printable(name), "\n");
    }
    const std::string line = absl::StrCat("? skipped: ", Printable(reason.message, 6));
    absl::StrAppend(&text, "    ", Paint(line, Color::kYellow, color), "\n");
  }
  return text.empty() ? "  as wanted\n" : text;
}

std::string RenderNode(const NodeResult& result, bool color) {
  if (result.state == NodeState::kReported) return RenderReport(result.report, color);
  std::string state = StateWord(result.state);
  std::replace(state.begin(), state.end(), '_', ' ');
  const std::string line =
      absl::StrCat("! ", state, ": ", Printable(std::string(result.status.message()), 4));
  std::string text = absl::StrCat("  ", Paint(line, Color::kRed, color), "\n");
  if (const std::string advice = Advice(result); !advice.empty()) {
    absl::StrAppend(&text, "    ", advice, "\n");
  }
  return text;
}

// "1 new, 2 changed, 3 wiped", leaving out what there is none of.
std::string Tally(const std::vector<NodeResult>& results) {
  size_t added = 0;
  size_t changed = 0;
  size_t removed = 0;
  for (const NodeResult& result : results) {
    for (const v1::ResourceResult& resource : result.report.resources()) {
      for (const v1::Change& change : resource.changes()) {
        const char mark = ChangeMark(resource.kind(), change);
        ++(mark == '+' ? added : mark == '~' ? changed : removed);
      }
    }
  }
  std::vector<std::string> parts;
  if (added > 0) parts.push_back(absl::StrCat(added, " new"));
  if (changed > 0) parts.push_back(absl::StrCat(changed, " changed"));
  if (removed > 0) parts.push_back(absl::StrCat(removed, " removed or wiped"));
  return absl::StrJoin(parts, ", ");
}

std::string Summary(const std::vector<NodeResult>& results, v1::Mode mode) {
  size_t differing = 0;
  size_t failing = 0;
  size_t silent = 0;
  size_t as_wanted = 0;
  for (const NodeResult& result : results) {
    const Counts counts = CountResources(result.report);
    const bool differs = counts.would_change + counts.skipped > 0;
    if (result.state != NodeState::kReported) ++silent;
    if (counts.failed > 0) ++failing;
    if (differs) ++differing;
    if (result.state == NodeState::kReported && !Failed(result) && !differs) ++as_wanted;
  }
  std::vector<std::string> parts;
  if (const std::string tally = Tally(results); !tally.empty()) {
    parts.push_back(absl::StrCat(tally, " on ", differing, " of ", Plural(results.size(), "node")));
  }
  if (as_wanted > 0) parts.push_back(absl::StrCat(Plural(as_wanted, "node"), " as wanted"));
  if (failing > 0) parts.push_back(absl::StrCat(Plural(failing, "node"), " with problems"));
  if (silent > 0) parts.push_back(absl::StrCat(Plural(silent, "node"), " without an answer"));
  return absl::StrCat(mode == v1::MODE_VERIFY ? "Drift: " : "Plan: ", absl::StrJoin(parts, "; "),
                      ".\n");
}

}  // namespace

char ChangeMark(v1::ResourceKind kind, const v1::Change& change) {
  if (kind == v1::RESOURCE_KIND_RESET) return '-';
  if (IsNothing(change.before())) return '+';
  return IsNothing(change.after()) ? '-' : '~';
}

std::string RenderResource(const v1::ResourceResult& resource, bool color) {
  std::string text =
      absl::StrCat("  ", KindWord(resource.kind()), " ", Printable(resource.name()), "\n");
  for (const v1::Change& change : resource.changes()) {
    const char mark = ChangeMark(resource.kind(), change);
    const std::string line =
        absl::StrCat(std::string(1, mark), " ", Pad(Printable(change.aspect()), kAspectWidth), "  ",
                     change.before().empty() ? "absent" : Printable(change.before(), 8), " -> ",
                     change.after().empty() ? "absent" : Printable(change.after(), 8));
    absl::StrAppend(&text, "    ", Paint(line, MarkColor(mark), color), "\n");
  }
  if (!resource.message().empty()) {
    const bool failed = resource.status() == v1::RESOURCE_STATUS_FAILED;
    const std::string line = absl::StrCat(failed ? "! " : "  ", Printable(resource.message(), 6));
    absl::StrAppend(&text, "    ", Paint(line, failed ? Color::kRed : Color::kDim, color), "\n");
  }
  return text;
}

std::string RenderChanges(const std::vector<NodeResult>& results, bool color) {
  std::vector<std::pair<std::string, std::vector<std::string>>> sections;
  for (const NodeResult& result : results) {
    const std::string body = RenderNode(result, color);
    const auto same = std::find_if(sections.begin(), sections.end(),
                                   [&](const auto& section) { return section.first == body; });
    if (same != sections.end()) {
      same->second.push_back(result.node);
    } else {
      sections.push_back({body, {result.node}});
    }
  }
  std::string text;
  for (const auto& [body, nodes] : sections) {
    absl::StrAppend(&text, Paint(absl::StrJoin(nodes, ", "), Color::kBold, color), "\n", body,
                    "\n");
  }
  return text;
}

std::string RenderPlan(const std::vector<NodeResult>& results, v1::Mode mode, bool color) {
  return RenderChanges(results, color) + Summary(results, mode);
}

}  // namespace bpa::controller
