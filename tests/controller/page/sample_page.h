// A command with everything that a page can hold, some of it hostile.
#ifndef BPA_TESTS_CONTROLLER_PAGE_SAMPLE_PAGE_H_
#define BPA_TESTS_CONTROLLER_PAGE_SAMPLE_PAGE_H_

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "controller/page/page.h"
#include "controller/verb.h"
#include "tests/controller/results.h"

namespace bpa::controller {

inline constexpr char kPlanId[] = "018bcfe5-0000-7000-8000-000000000000";
inline constexpr char kCommandId[] = "018bcfe5-6880-7000-8000-000000000001";

inline v1::Command SampleCommand(v1::Mode mode, const std::string& text) {
  v1::Command command;
  command.set_id(kCommandId);
  command.set_cluster("bpa-prod");
  command.set_mode(mode);
  command.set_issued_at_unix_millis(1'700'000'000'000);
  command.set_expires_at_unix_millis(1'700'000'600'000);
  command.set_operator_name("alice@bastion");
  command.set_reason("CHG-4711: prepare the new workers " + text);
  v1::Role* role = command.add_roles();
  role->set_name("bpa-node-1");
  role->add_directories()->set_path("/opt/bpa/data/" + std::string(60, 'k'));
  for (int i = 1; i <= 4; ++i) {
    v1::Target* target = command.add_targets();
    target->set_node(absl::StrCat("node-", i));
    target->set_role("bpa-node-1");
  }
  return command;
}

inline v1::Report SampleReport(const std::string& node, v1::Mode mode, const std::string& text) {
  const bool apply = mode == v1::MODE_APPLY;
  const auto done = apply ? v1::RESOURCE_STATUS_CHANGED : v1::RESOURCE_STATUS_WOULD_CHANGE;
  NodeResult result = Reported(
      node, mode,
      {MakeResource(v1::RESOURCE_KIND_VOLUME, "/opt", done,
                    {{"filesystem", "blank, 2 TiB, vol-0123456789abcdef0", "xfs"},
                     {"fstab", "no entry",
                      "UUID=1b4e28ba-2fa1-11d2-883f-0016d3cca427 /opt xfs "
                      "defaults,nofail,x-systemd.device-timeout=90 0 0"},
                     {"mount", "not mounted", "/dev/nvme1n1 on /opt"}}),
       MakeResource(v1::RESOURCE_KIND_DIRECTORY, "/opt/bpa/data/kafka1", done,
                    {{"mode", "0755", "0777"}}),
       MakeResource(v1::RESOURCE_KIND_DIRECTORY, "/opt/bpa/data/" + std::string(120, 'x'), done,
                    {{"directory", "", text}}),
       MakeResource(v1::RESOURCE_KIND_SYSCTL, "vm.max_map_count", v1::RESOURCE_STATUS_UNCHANGED),
       MakeResource(v1::RESOURCE_KIND_SYSCTL, "kernel.other", v1::RESOURCE_STATUS_FAILED, {},
                    "write /proc/sys/kernel/other: Permission denied " + text)},
      v1::OUTCOME_FAILED);
  return result.report;
}

// `text` stands wherever a node or an operator writes something.
inline Evidence SampleEvidence(v1::Mode mode, const std::string& text = "") {
  Evidence evidence{.id = kCommandId};
  evidence.sent = SentCommand{SampleCommand(mode, text), std::string(32, 'h')};
  evidence.signatures = {{.key_id = "0123456789abcdef0123456789abcdef", .signer = "bastion"}};
  Run& run = evidence.run = NewRun(*evidence.sent, {"bastion"});
  run.verb = mode == v1::MODE_APPLY ? "apply" : run.mode;
  run.sendings = 1;
  run.finished_at = run.started_at + absl::Milliseconds(2400);
  run.exit_code = kExitRefused;
  for (int i = 0; i < 2; ++i) {
    NodeResult result{.node = run.nodes[i].node, .state = NodeState::kReported};
    result.report = SampleReport(result.node, mode, text);
    result.elapsed = absl::Milliseconds(900 + 600 * i);
    evidence.reports.push_back({.node = result.node, .report = result.report});
    run.nodes[i] = ToNodeRun(result, run.started_at + absl::Milliseconds(30 * i));
    run.nodes[i].role = "bpa-node-1";
  }
  NodeResult refused = NotReported("node-3", NodeState::kRefused,
                                   absl::PermissionDeniedError("policy says no " + text));
  refused.elapsed = absl::Milliseconds(40);
  run.nodes[2] = ToNodeRun(refused, run.started_at + absl::Milliseconds(60));
  run.nodes[2].role = "bpa-node-1";
  return evidence;
}

// `evidence` must outlive what is returned.
inline PageInput SampleInput(const Evidence& evidence) {
  return {.evidence = evidence,
          .now = absl::FromUnixMillis(1'700'000'100'000),
          .made_by = "alice@bastion"};
}

}  // namespace bpa::controller

#endif  // BPA_TESTS_CONTROLLER_PAGE_SAMPLE_PAGE_H_
