#include "controller/render_recap.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "controller/exit_code.h"
#include "controller/package_meter.h"
#include "controller/report_text.h"

namespace bpa::controller {
namespace {

std::string Indented(const std::string& message) {
  return absl::StrCat("    ", Printable(message, 6), "\n");
}

Color LineColor(const NodeResult& result) {
  if (Failed(result)) return Color::kRed;
  const Counts counts = CountResources(result.report);
  return counts.changed + counts.would_change > 0 ? Color::kYellow : Color::kGreen;
}

std::string ReportDetails(const v1::Report& report) {
  std::string text;
  for (const v1::ResourceResult& resource : report.resources()) {
    if (resource.status() != v1::RESOURCE_STATUS_FAILED) continue;
    text += Indented(absl::StrCat("failed: ", KindWord(resource.kind()), " ", resource.name(), ": ",
                                  resource.message()));
  }
  for (const SkipReason& reason : SkipReasons(report)) {
    const std::string what = reason.names.size() == 1
                                 ? reason.names[0]
                                 : absl::StrCat(reason.names.size(), " resources");
    text += Indented(absl::StrCat("skipped: ", what, ": ", reason.message));
  }
  if (report.outcome() == v1::OUTCOME_INTERRUPTED) {
    text += Indented(
        "interrupted: the node's executor ended before the command did; sending the "
        "same command again finishes it");
  }
  return text;
}

std::string Details(const NodeResult& result) {
  std::string text;
  if (result.state == NodeState::kReported) {
    text = ReportDetails(result.report);
    if (!result.status.ok()) {
      text += Indented(absl::StrCat("the report could not be kept: ", result.status.message()));
    }
    return text;
  }
  text = Indented(std::string(result.status.message()));
  if (const std::string advice = Advice(result); !advice.empty()) text += Indented(advice);
  return text;
}

std::string Verdict(const NodeResult& result) {
  if (result.state == NodeState::kReported) return RenderCounts(result.report);
  std::string state = StateWord(result.state);
  std::replace(state.begin(), state.end(), '_', ' ');
  return state;
}

}  // namespace

std::string RenderCounts(const v1::Report& report) {
  const Counts counts = CountResources(report);
  const bool applied = report.mode() == v1::MODE_APPLY;
  return absl::StrFormat(
      "ok=%d %s=%d failed=%d skipped=%d", counts.ok, applied ? "changed" : "differs",
      applied ? counts.changed : counts.would_change, counts.failed, counts.skipped);
}

std::string RenderElapsed(absl::Duration elapsed) {
  const double seconds = absl::ToDoubleSeconds(elapsed);
  if (seconds < 60) return absl::StrFormat("%.1fs", seconds);
  const int64_t whole = absl::ToInt64Seconds(elapsed);
  return absl::StrFormat("%dm %02ds", whole / 60, whole % 60);
}

std::string RenderRecap(const std::vector<NodeResult>& results, bool color) {
  size_t width = 0;
  for (const NodeResult& result : results) width = std::max(width, result.node.size());
  std::string text;
  for (const NodeResult& result : results) {
    const std::string name = result.node + std::string(width - result.node.size(), ' ');
    absl::StrAppend(&text, name, "  ", Paint(Verdict(result), LineColor(result), color));
    if (result.state != NodeState::kNotSent) {
      absl::StrAppend(&text, "  ", RenderElapsed(result.elapsed));
    }
    for (const auto& [destination, package] : result.packages) {
      absl::StrAppend(&text, "  ", RenderTransfer(package));
    }
    absl::StrAppend(&text, "\n", Details(result));
  }
  return text;
}

}  // namespace bpa::controller
