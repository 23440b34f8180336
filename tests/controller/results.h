// Results of nodes for tests of what is shown of them.
#ifndef BPA_TESTS_CONTROLLER_RESULTS_H_
#define BPA_TESTS_CONTROLLER_RESULTS_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "controller/fleet.h"
#include "proto/fingerprint.h"

namespace bpa::controller {

struct TestChange {
  std::string aspect;
  std::string before;
  std::string after;
};

inline v1::ResourceResult MakeResource(v1::ResourceKind kind, const std::string& name,
                                       v1::ResourceStatus status,
                                       const std::vector<TestChange>& changes = {},
                                       const std::string& message = "") {
  v1::ResourceResult resource;
  resource.set_kind(kind);
  resource.set_name(name);
  resource.set_status(status);
  resource.set_message(message);
  resource.set_duration_micros(1500);
  for (const TestChange& from : changes) {
    v1::Change* change = resource.add_changes();
    change->set_aspect(from.aspect);
    change->set_before(from.before);
    change->set_after(from.after);
    change->set_fingerprint_sha256(
        ChangeFingerprint(kind, name, from.aspect, from.before, from.after));
  }
  return resource;
}

inline NodeResult Reported(const std::string& node, v1::Mode mode,
                           const std::vector<v1::ResourceResult>& resources,
                           v1::Outcome outcome = v1::OUTCOME_SUCCEEDED) {
  NodeResult result{.node = node, .state = NodeState::kReported};
  result.elapsed = absl::Milliseconds(800);
  result.report.set_command_id("018bcfe5-6880-7000-8000-000000000001");
  result.report.set_cluster("bpa-prod");
  result.report.set_node(node);
  result.report.set_mode(mode);
  result.report.set_outcome(outcome);
  result.report.set_started_at_unix_millis(1'700'000'000'000);
  result.report.set_finished_at_unix_millis(1'700'000'000'750);
  result.report.add_signers("bastion");
  result.report.set_agent_version("0.1.0");
  for (const v1::ResourceResult& resource : resources) *result.report.add_resources() = resource;
  return result;
}

inline NodeResult NotReported(const std::string& node, NodeState state, absl::Status status) {
  NodeResult result{.node = node, .state = state, .status = std::move(status)};
  if (state != NodeState::kNotSent) result.elapsed = absl::Seconds(10);
  return result;
}

}  // namespace bpa::controller

#endif  // BPA_TESTS_CONTROLLER_RESULTS_H_
