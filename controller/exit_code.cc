#include "controller/exit_code.h"

#include <algorithm>

namespace bpa::controller {
namespace {

bool Differs(const v1::Report& report) {
  return std::any_of(report.resources().begin(), report.resources().end(),
                     [](const v1::ResourceResult& resource) {
                       return resource.status() == v1::RESOURCE_STATUS_WOULD_CHANGE;
                     });
}

// Whatever the outcome says: a report with a failed resource is a failure.
bool ReportFailed(const v1::Report& report) {
  if (report.outcome() != v1::OUTCOME_SUCCEEDED) return true;
  return std::any_of(report.resources().begin(), report.resources().end(),
                     [](const v1::ResourceResult& resource) {
                       return resource.status() == v1::RESOURCE_STATUS_FAILED;
                     });
}

ExitCode NodeExitCode(const NodeResult& result) {
  switch (result.state) {
    case NodeState::kRefused:
      return kExitRefused;
    case NodeState::kUnreachable:
      return kExitUnreachable;
    case NodeState::kBadReport:
    case NodeState::kNotSent:
      return kExitFailed;
    case NodeState::kReported:
      break;
  }
  if (ReportFailed(result.report)) return kExitFailed;
  return Differs(result.report) ? kExitDifferences : kExitConverged;
}

}  // namespace

bool Failed(const NodeResult& result) { return NodeExitCode(result) >= kExitFailed; }

ExitCode FleetExitCode(const std::vector<NodeResult>& results) {
  // The numbers of ExitCode rise with precedence, usage apart, which no node causes.
  ExitCode worst = kExitConverged;
  for (const NodeResult& result : results) worst = std::max(worst, NodeExitCode(result));
  return worst;
}

ExitCode DescribeExitCode(const std::vector<DescribeResult>& results) {
  const bool all_answered =
      std::all_of(results.begin(), results.end(),
                  [](const DescribeResult& result) { return result.status.ok(); });
  return all_answered ? kExitConverged : kExitUnreachable;
}

}  // namespace bpa::controller
