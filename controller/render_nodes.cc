#include "controller/render_nodes.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "controller/node_status.h"
#include "controller/output_json.h"
#include "controller/report_text.h"
#include "controller/table.h"

namespace bpa::controller {
namespace {

// Renewing takes a person: a month is the time that one needs to notice.
constexpr int64_t kWarnDays = 30;
// The default of a node's max_clock_skew is two minutes: beyond it commands are refused.
constexpr absl::Duration kWarnOffset = absl::Seconds(60);

std::string Offset(absl::Duration offset) {
  return absl::StrFormat("%+.3fs", absl::ToDoubleSeconds(offset));
}

Color ColorOf(const DescribeResult& result) {
  if (!result.status.ok()) return Color::kRed;
  return StatusRemarks("", result.description).empty() ? Color::kNone : Color::kYellow;
}

TableRow ToRow(const Node& node, const DescribeResult& result, absl::Time now) {
  if (!result.status.ok()) {
    return {{node.name, "no", node.role, "-", "-", "-", "-", "-", "-"}, ColorOf(result)};
  }
  const v1::DescribeResponse& said = result.description;
  const absl::Time node_now = absl::FromUnixMillis(said.now_unix_millis());
  return {{node.name, "yes", node.role, said.agent_version(), Offset(result.clock_offset),
           absl::StrCat(CertificateDaysLeft(said, now), "d"), LastApplyText(said, node_now),
           DriftText(said, node_now), VolumesText(said)},
          ColorOf(result)};
}

std::string Remark(const Node& node, const DescribeResult& result, absl::Time now) {
  if (!result.status.ok()) {
    return absl::StrCat(node.name, ": ", Printable(std::string(result.status.message()), 4), "\n");
  }
  std::string text;
  if (const int64_t days = CertificateDaysLeft(result.description, now); days < kWarnDays) {
    absl::StrAppend(&text, node.name, ": its certificate expires in ", days,
                    " days: `bpactl renew` replaces it\n");
  }
  if (absl::AbsDuration(result.clock_offset) > kWarnOffset) {
    absl::StrAppend(&text, node.name, ": its clock and this machine's are ",
                    absl::FormatDuration(
                        absl::Trunc(absl::AbsDuration(result.clock_offset), absl::Milliseconds(1))),
                    " apart: commands may be refused as expired or not yet valid; check NTP\n");
  }
  return text + StatusRemarks(node.name, result.description);
}

bool AnyStatus(const std::vector<DescribeResult>& results) {
  for (const DescribeResult& result : results) {
    if (result.status.ok() && result.description.has_status()) return true;
  }
  return false;
}

}  // namespace

std::string RenderNodes(const std::vector<Node>& nodes, const std::vector<DescribeResult>& results,
                        absl::Time now, const NodesStyle& style) {
  std::vector<TableRow> rows = {{{"NODE", "REACHABLE", "ROLE", "VERSION", "CLOCK", "CERT",
                                  "LAST APPLY", "DRIFT", "VOLUMES"}}};
  for (size_t i = 0; i < nodes.size(); ++i) rows.push_back(ToRow(nodes[i], results[i], now));
  std::string text = RenderTable(rows, style.columns, style.color);
  if (AnyStatus(results)) {
    text += Paint(
                "Last apply, drift and volumes: as the nodes say, unsigned; `bpactl verify` asks "
                "for signed reports.",
                Color::kDim, style.color) +
            "\n";
  }
  for (size_t i = 0; i < nodes.size(); ++i) text += Remark(nodes[i], results[i], now);
  return text;
}

}  // namespace bpa::controller
