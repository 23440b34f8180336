#include "controller/output_json.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "absl/strings/escaping.h"
#include "controller/exit_code.h"
#include "controller/node_status.h"
#include "controller/report_text.h"

namespace bpa::controller {
namespace {

using Json = nlohmann::ordered_json;

Json ToJson(const v1::ResourceResult& resource) {
  Json changes = Json::array();
  for (const v1::Change& change : resource.changes()) {
    changes.push_back({{"aspect", change.aspect()},
                       {"before", change.before()},
                       {"after", change.after()},
                       {"fingerprint", absl::BytesToHexString(change.fingerprint_sha256())}});
  }
  return {{"kind", KindWord(resource.kind())},
          {"name", resource.name()},
          {"status", StatusWord(resource.status())},
          {"message", resource.message()},
          {"duration_seconds", static_cast<double>(resource.duration_micros()) / 1e6},
          {"changes", std::move(changes)}};
}

Json ToJson(const NodeResult& result) {
  const bool reported = result.state == NodeState::kReported;
  Json node = {{"node", result.node},
               {"state", StateWord(result.state)},
               {"code", absl::StatusCodeToString(result.status.code())},
               {"message", std::string(result.status.message())},
               {"elapsed_seconds", Seconds(result.elapsed)},
               {"report", reported ? ReportAsJson(result.report) : Json(nullptr)}};
  // Of a staging only.
  for (const auto& [destination, package] : result.packages) {
    node["packages"].push_back({{"destination", destination},
                                {"total_bytes", package.total_bytes()},
                                {"reused_bytes", package.reused_bytes()},
                                {"received_bytes", package.received_bytes()}});
  }
  return node;
}

Json ToJson(const Node& node, const DescribeResult& result, absl::Time now) {
  const v1::DescribeResponse& said = result.description;
  const bool reachable = result.status.ok();
  const auto if_said = [&](Json value) { return reachable ? std::move(value) : Json(nullptr); };
  return {{"node", node.name},
          {"reachable", reachable},
          {"code", absl::StatusCodeToString(result.status.code())},
          {"message", std::string(result.status.message())},
          {"role", node.role},
          {"address", node.address},
          {"cluster", if_said(said.cluster())},
          {"agent_version", if_said(said.agent_version())},
          {"clock_offset_seconds", if_said(Seconds(result.clock_offset))},
          {"kernel", if_said(said.kernel_release())},
          {"operating_system", if_said(said.operating_system())},
          {"architecture", if_said(said.architecture())},
          {"capabilities", if_said(std::vector<std::string>(said.capabilities().begin(),
                                                            said.capabilities().end()))},
          {"certificate_expires_at", if_said(Rfc3339(said.certificate_expires_at_unix_millis()))},
          {"certificate_days_left", if_said(CertificateDaysLeft(said, now))},
          {"status", if_said(StatusAsJson(said))}};
}

}  // namespace

std::string Rfc3339(int64_t unix_millis) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", absl::FromUnixMillis(unix_millis),
                          absl::UTCTimeZone());
}

double Seconds(absl::Duration duration) {
  return std::round(absl::ToDoubleSeconds(duration) * 1e6) / 1e6;
}

Json CountsAsJson(const Counts& counts) {
  return {{"ok", counts.ok},
          {"changed", counts.changed},
          {"would_change", counts.would_change},
          {"failed", counts.failed},
          {"skipped", counts.skipped}};
}

Json ReportAsJson(const v1::Report& report) {
  Json resources = Json::array();
  for (const v1::ResourceResult& resource : report.resources()) {
    resources.push_back(ToJson(resource));
  }
  return {{"command_id", report.command_id()},
          {"mode", ModeWord(report.mode())},
          {"outcome", OutcomeWord(report.outcome())},
          {"started_at", Rfc3339(report.started_at_unix_millis())},
          {"finished_at", Rfc3339(report.finished_at_unix_millis())},
          {"agent_version", report.agent_version()},
          {"signers", std::vector<std::string>(report.signers().begin(), report.signers().end())},
          {"counts", CountsAsJson(CountResources(report))},
          {"resources", std::move(resources)}};
}

std::string ToText(const Json& document) {
  return document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string RunAsJson(const v1::Command& command, const std::vector<NodeResult>& results,
                      int exit_code) {
  Json nodes = Json::array();
  for (const NodeResult& result : results) nodes.push_back(ToJson(result));
  return ToText({{"command",
                  {{"id", command.id()},
                   {"cluster", command.cluster()},
                   {"mode", ModeWord(command.mode())},
                   {"reset", command.reset_directories()}}},
                 {"exit_code", exit_code},
                 {"nodes", std::move(nodes)}});
}

std::string DescriptionsAsJson(const std::vector<Node>& nodes,
                               const std::vector<DescribeResult>& results, absl::Time now) {
  Json list = Json::array();
  for (size_t i = 0; i < nodes.size(); ++i) list.push_back(ToJson(nodes[i], results[i], now));
  return ToText(
      {{"exit_code", static_cast<int>(DescribeExitCode(results))}, {"nodes", std::move(list)}});
}

int64_t CertificateDaysLeft(const v1::DescribeResponse& description, absl::Time now) {
  const absl::Time expiry = absl::FromUnixMillis(description.certificate_expires_at_unix_millis());
  return absl::ToInt64Hours(absl::Floor(expiry - now, absl::Hours(24))) / 24;
}

}  // namespace bpa::controller
