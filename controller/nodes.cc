#include "controller/nodes.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <memory>
#include <ostream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "controller/exit_code.h"
#include "controller/fleet_request.h"
#include "controller/output_json.h"
#include "controller/report_text.h"
#include "controller/session.h"

namespace bpa::controller {
namespace {

constexpr size_t kColumns = 8;
using Row = std::array<std::string, kColumns>;

// Renewing takes a person: a month is the time that one needs to notice.
constexpr int64_t kWarnDays = 30;
// The default of a node's max_clock_skew is two minutes: beyond it commands are refused.
constexpr absl::Duration kWarnOffset = absl::Seconds(60);

std::string Offset(absl::Duration offset) {
  return absl::StrFormat("%+.3fs", absl::ToDoubleSeconds(offset));
}

Row ToRow(const Node& node, const DescribeResult& result, absl::Time now) {
  if (!result.status.ok()) return {node.name, "no", node.role, node.address, "-", "-", "-", "-"};
  const v1::DescribeResponse& said = result.description;
  return {node.name,
          "yes",
          node.role,
          node.address,
          Printable(said.agent_version()),
          Offset(result.clock_offset),
          Printable(said.kernel_release()),
          absl::StrCat(CertificateDaysLeft(said, now), "d")};
}

std::string Remark(const Node& node, const DescribeResult& result, absl::Time now) {
  if (!result.status.ok()) {
    return absl::StrCat(node.name, ": ", Printable(std::string(result.status.message()), 4), "\n");
  }
  std::string text;
  if (const int64_t days = CertificateDaysLeft(result.description, now); days < kWarnDays) {
    absl::StrAppend(&text, node.name, ": its certificate expires in ", days,
                    " days: renew it before\n");
  }
  if (absl::AbsDuration(result.clock_offset) > kWarnOffset) {
    absl::StrAppend(&text, node.name, ": its clock and this machine's are ",
                    absl::FormatDuration(
                        absl::Trunc(absl::AbsDuration(result.clock_offset), absl::Milliseconds(1))),
                    " apart: commands may be refused as expired or not yet valid; check NTP\n");
  }
  return text;
}

int RunNodes(const GlobalOptions& global, const FleetRequest& request) {
  absl::StatusOr<Session> session = Session::Open(global, request.nodes);
  if (!session.ok()) return ReportError(global, session.status());
  absl::StatusOr<ClientIdentity> identity = session->home().ReadClientIdentity();
  if (!identity.ok()) return ReportError(global, identity.status());
  const std::vector<DescribeResult> results =
      DescribeNodes(session->nodes(), *identity, request.fleet);
  const absl::Time now = absl::Now();
  global.out << (global.json() ? DescriptionsAsJson(session->nodes(), results, now)
                               : RenderNodes(session->nodes(), results, now, global.color))
             << std::flush;
  return DescribeExitCode(results);
}

}  // namespace

std::string RenderNodes(const std::vector<Node>& nodes, const std::vector<DescribeResult>& results,
                        absl::Time now, bool color) {
  std::vector<Row> rows = {
      {"NODE", "REACHABLE", "ROLE", "ADDRESS", "VERSION", "CLOCK", "KERNEL", "CERTIFICATE"}};
  for (size_t i = 0; i < nodes.size(); ++i) rows.push_back(ToRow(nodes[i], results[i], now));
  std::array<size_t, kColumns> widths{};
  for (const Row& row : rows) {
    for (size_t i = 0; i < kColumns; ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (size_t r = 0; r < rows.size(); ++r) {
    std::string line;
    for (size_t i = 0; i < kColumns; ++i) {
      const bool last = i + 1 == kColumns;
      absl::StrAppend(&line, rows[r][i],
                      last ? "" : std::string(widths[i] - rows[r][i].size() + 2, ' '));
    }
    const Color line_color = r == 0                       ? Color::kBold
                             : results[r - 1].status.ok() ? Color::kNone
                                                          : Color::kRed;
    absl::StrAppend(&text, Paint(line, line_color, color), "\n");
  }
  for (size_t i = 0; i < nodes.size(); ++i) text += Remark(nodes[i], results[i], now);
  return text;
}

void RegisterNodes(CLI::App& app, const GlobalOptions& global, int* exit_code) {
  CLI::App* verb = app.add_subcommand(
      "nodes", "Show which nodes answer, their versions, clocks and certificates");
  auto request = std::make_shared<FleetRequest>();
  AddNodeOptions(*verb, request.get());
  verb->callback([request, &global, exit_code] { *exit_code = RunNodes(global, *request); });
}

}  // namespace bpa::controller
