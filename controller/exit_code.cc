#include "controller/exit_code.h"

#include <algorithm>

namespace bpa::controller {
namespace {

bool Has(const v1::Report& report, v1::ResourceStatus status) {
  return std::any_of(
      report.resources().begin(), report.resources().end(),
      [&](const v1::ResourceResult& resource) { return resource.status() == status; });
}

// What an observation skipped lies beneath a volume that is not mounted as wanted: a difference.
bool Differs(const v1::Report& report) {
  return Has(report, v1::RESOURCE_STATUS_WOULD_CHANGE) || Has(report, v1::RESOURCE_STATUS_SKIPPED);
}

// Whatever the outcome says, a failed resource is a failure.
bool ReportFailed(const v1::Report& report) {
  if (Has(report, v1::RESOURCE_STATUS_FAILED)) return true;
  const bool only_observed = report.mode() != v1::MODE_APPLY;
  const bool skipped = Has(report, v1::RESOURCE_STATUS_SKIPPED);
  if (only_observed && skipped && report.outcome() == v1::OUTCOME_FAILED) return false;
  return report.outcome() != v1::OUTCOME_SUCCEEDED || (skipped && !only_observed);
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
