#include "controller/exit_code.h"

#include <gtest/gtest.h>

#include "tests/controller/results.h"

namespace bpa::controller {
namespace {

NodeResult With(v1::Mode mode, v1::ResourceStatus status,
                v1::Outcome outcome = v1::OUTCOME_SUCCEEDED) {
  return Reported("node-1", mode, {MakeResource(v1::RESOURCE_KIND_SYSCTL, "vm.x", status)},
                  outcome);
}

const NodeResult kConverged = With(v1::MODE_APPLY, v1::RESOURCE_STATUS_CHANGED);
const NodeResult kDiffers = With(v1::MODE_VERIFY, v1::RESOURCE_STATUS_WOULD_CHANGE);
const NodeResult kFailed = With(v1::MODE_APPLY, v1::RESOURCE_STATUS_FAILED, v1::OUTCOME_FAILED);
const NodeResult kUnreachable =
    NotReported("n", NodeState::kUnreachable, absl::UnavailableError(""));
const NodeResult kRefused = NotReported("n", NodeState::kRefused, absl::AbortedError(""));

TEST(ExitCodeTest, TheWorstNodeDecidesWhateverTheOrder) {
  const std::pair<std::vector<NodeResult>, ExitCode> kTable[] = {
      {{}, kExitConverged},
      {{kConverged}, kExitConverged},
      {{kConverged, kDiffers}, kExitDifferences},
      {{kFailed, kDiffers}, kExitFailed},
      {{kFailed, kUnreachable, kConverged}, kExitUnreachable},
      {{kRefused, kUnreachable}, kExitRefused},
      {{kUnreachable, kRefused, kFailed, kDiffers}, kExitRefused}};
  for (const auto& [results, code] : kTable) EXPECT_EQ(FleetExitCode(results), code);
}

TEST(ExitCodeTest, EachStateOfANodeHasItsCode) {
  const std::pair<NodeResult, ExitCode> kTable[] = {
      {NotReported("n", NodeState::kNotSent, absl::CancelledError("")), kExitFailed},
      {NotReported("n", NodeState::kBadReport, absl::UnauthenticatedError("")), kExitFailed},
      {Reported("n", v1::MODE_APPLY, {}, v1::OUTCOME_INTERRUPTED), kExitFailed},
      {Reported("n", v1::MODE_APPLY, {}, v1::OUTCOME_FAILED), kExitFailed},
      {Reported("n", v1::MODE_APPLY, {}, v1::OUTCOME_UNSPECIFIED), kExitFailed},
      // A resource that failed is a failure whatever the outcome says.
      {With(v1::MODE_APPLY, v1::RESOURCE_STATUS_FAILED), kExitFailed},
      {With(v1::MODE_PLAN, v1::RESOURCE_STATUS_FAILED, v1::OUTCOME_FAILED), kExitFailed},
      {With(v1::MODE_APPLY, v1::RESOURCE_STATUS_SKIPPED, v1::OUTCOME_FAILED), kExitFailed},
      {With(v1::MODE_APPLY, v1::RESOURCE_STATUS_SKIPPED), kExitFailed},
      // What lies beneath a volume that is not mounted as wanted is drift.
      {With(v1::MODE_VERIFY, v1::RESOURCE_STATUS_SKIPPED, v1::OUTCOME_FAILED), kExitDifferences},
      {With(v1::MODE_PLAN, v1::RESOURCE_STATUS_UNCHANGED), kExitConverged}};
  for (const auto& [result, code] : kTable) {
    EXPECT_EQ(FleetExitCode({result}), code);
    EXPECT_EQ(Failed(result), code >= kExitFailed);
  }
}

TEST(ExitCodeTest, ANodeThatDoesNotDescribeItselfIsUnreachable) {
  DescribeResult reachable;
  DescribeResult silent;
  silent.status = absl::UnavailableError("gone");
  EXPECT_EQ(DescribeExitCode({reachable}), kExitConverged);
  EXPECT_EQ(DescribeExitCode({reachable, silent}), kExitUnreachable);
}

}  // namespace
}  // namespace bpa::controller
