// `--output json`: one document per run, for programs.
//
// Keys are only ever added. Times are in RFC 3339, UTC. A run over the fleet:
//
//   {"command": {"id", "cluster", "mode": "plan|apply|verify", "reset": bool},
//    "exit_code": int,
//    "nodes": [{"node",
//               "state": "reported|unreachable|refused|bad_report|not_sent",
//               "code": gRPC status word ("OK" ...), "message",
//               "elapsed_seconds",
//               "report": null | {
//                 "command_id", "mode", "outcome": "succeeded|failed|interrupted",
//                 "started_at", "finished_at", "agent_version", "signers": [],
//                 "counts": {"ok", "changed", "would_change", "failed", "skipped"},
//                 "resources": [{"kind": "volume|reset|directory|sysctl", "name",
//                                "status": "unchanged|changed|failed|skipped|would_change",
//                                "message", "duration_seconds",
//                                "changes": [{"aspect", "before", "after", "fingerprint"}]}]}}]}
//
// An apply that was asked about on the terminal prints the apply's document; where nothing was to
// change or the answer was no, the plan's. `nodes`:
//
//   {"exit_code", "nodes": [{"node", "reachable": bool, "code", "message", "role", "address",
//     "cluster", "agent_version", "clock_offset_seconds", "kernel", "operating_system",
//     "architecture", "capabilities": [], "certificate_expires_at", "certificate_days_left",
//     "status": as in node_status.h}]}
//
// with null for what an unreachable node did not say.
#ifndef BPA_CONTROLLER_OUTPUT_JSON_H_
#define BPA_CONTROLLER_OUTPUT_JSON_H_

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "bpa/v1/command.pb.h"
#include "controller/fleet.h"
#include "controller/report_text.h"

namespace bpa::controller {

// A whole document with its final line feed. Bytes that are not UTF-8 are replaced.
std::string RunAsJson(const v1::Command& command, const std::vector<NodeResult>& results,
                      int exit_code);

// `nodes` and `results` in the same order.
std::string DescriptionsAsJson(const std::vector<Node>& nodes,
                               const std::vector<DescribeResult>& results, absl::Time now);

// Indented, with a final line feed.
std::string ToText(const nlohmann::ordered_json& document);

// Parts of the documents. In UTC, with milliseconds.
std::string Rfc3339(int64_t unix_millis);
// Rounded to microseconds: more digits would be noise.
double Seconds(absl::Duration duration);
nlohmann::ordered_json CountsAsJson(const Counts& counts);
nlohmann::ordered_json ReportAsJson(const v1::Report& report);

// Whole days, rounded down.
int64_t CertificateDaysLeft(const v1::DescribeResponse& description, absl::Time now);

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_OUTPUT_JSON_H_
