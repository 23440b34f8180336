#include "controller/output_json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "controller/verb.h"
#include "tests/controller/results.h"

namespace bpa::controller {
namespace {

using nlohmann::json;

v1::Command ApplyCommand() {
  v1::Command command;
  command.set_id("018bcfe5-6880-7000-8000-000000000001");
  command.set_cluster("bpa-prod");
  command.set_mode(v1::MODE_APPLY);
  return command;
}

TEST(OutputJsonTest, HoldsEverythingThatTheReportSays) {
  const std::vector<NodeResult> results = {
      Reported("node-1", v1::MODE_APPLY,
               {MakeResource(v1::RESOURCE_KIND_SYSCTL, "vm.max_map_count",
                             v1::RESOURCE_STATUS_CHANGED, {{"live value", "65530", "262144"}})}),
      NotReported("node-2", NodeState::kRefused, absl::PermissionDeniedError("policy"))};
  const json document = json::parse(RunAsJson(ApplyCommand(), results, kExitRefused));
  json node = document["nodes"][0];
  EXPECT_EQ(node["report"]["resources"][0]["changes"][0]["fingerprint"].get<std::string>().size(),
            64);
  node["report"]["resources"][0]["changes"][0].erase("fingerprint");
  EXPECT_EQ(node, json::parse(R"({
    "node": "node-1", "state": "reported", "code": "OK", "message": "", "elapsed_seconds": 0.8,
    "report": {
      "command_id": "018bcfe5-6880-7000-8000-000000000001", "mode": "apply",
      "outcome": "succeeded", "started_at": "2023-11-14T22:13:20.000Z",
      "finished_at": "2023-11-14T22:13:20.750Z", "agent_version": "0.1.0",
      "signers": ["bastion"],
      "counts": {"ok": 0, "changed": 1, "would_change": 0, "failed": 0, "skipped": 0},
      "resources": [{
        "kind": "sysctl", "name": "vm.max_map_count", "status": "changed", "message": "",
        "duration_seconds": 0.0015,
        "changes": [{"aspect": "live value", "before": "65530", "after": "262144"}]}]}})"));
  EXPECT_EQ(document["nodes"][1], json::parse(R"({
    "node": "node-2", "state": "refused", "code": "PERMISSION_DENIED", "message": "policy",
    "elapsed_seconds": 10.0, "report": null})"));
  EXPECT_EQ(document["exit_code"], 5);
  EXPECT_EQ(document["command"], json::parse(R"({
    "id": "018bcfe5-6880-7000-8000-000000000001", "cluster": "bpa-prod", "mode": "apply",
    "reset": false})"));
}

TEST(OutputJsonTest, SaysWhatOfAPackageTravelledAndWhatDidNot) {
  NodeResult result = Reported("node-1", v1::MODE_APPLY, {});
  v1::PackageProgress& package = result.packages["/opt/bpa/packages"];
  package.set_total_bytes(30);
  package.set_reused_bytes(20);
  package.set_received_bytes(10);
  const json document = json::parse(RunAsJson(ApplyCommand(), {result}, kExitConverged));
  EXPECT_EQ(document["nodes"][0]["packages"], json::parse(R"([{
    "destination": "/opt/bpa/packages", "total_bytes": 30, "reused_bytes": 20,
    "received_bytes": 10}])"));
}

TEST(OutputJsonTest, IsValidWhateverBytesANodeSends) {
  const std::vector<NodeResult> results = {
      NotReported("node-1", NodeState::kRefused, absl::InternalError("\xff\xfe\x1b\n\""))};
  EXPECT_TRUE(json::accept(RunAsJson(ApplyCommand(), results, kExitRefused)));
}

TEST(OutputJsonTest, DescribesReachableNodesAndSaysNothingForOthers) {
  const absl::Time now = absl::FromUnixSeconds(1'700'000'000);
  DescribeResult first{.node = "node-1"};
  first.description.set_agent_version("0.1.0");
  first.description.set_kernel_release("6.1.0");
  first.description.set_certificate_expires_at_unix_millis(
      absl::ToUnixMillis(now + absl::Hours(49)));
  first.clock_offset = absl::Milliseconds(-1500);
  DescribeResult second{.node = "node-2", .status = absl::UnavailableError("gone")};
  const json document =
      json::parse(DescriptionsAsJson({{"node-1", "10.0.1.11:7443", "bpa-node-1", {}},
                                      {"node-2", "10.0.1.12:7443", "bpa-node-2", {}}},
                                     {first, second}, now));
  EXPECT_EQ(document["exit_code"], 4);
  EXPECT_EQ(document["nodes"][0]["reachable"], true);
  EXPECT_EQ(document["nodes"][0]["certificate_days_left"], 2);
  EXPECT_EQ(document["nodes"][0]["clock_offset_seconds"], -1.5);
  EXPECT_EQ(document["nodes"][1]["reachable"], false);
  EXPECT_TRUE(document["nodes"][1]["kernel"].is_null());
  EXPECT_EQ(document["nodes"][1]["role"], "bpa-node-2");
}

TEST(OutputJsonTest, AnExpiredCertificateHasNegativeDaysLeft) {
  const absl::Time now = absl::FromUnixSeconds(1'700'000'000);
  v1::DescribeResponse description;
  description.set_certificate_expires_at_unix_millis(absl::ToUnixMillis(now - absl::Hours(1)));
  EXPECT_EQ(CertificateDaysLeft(description, now), -1);
}

}  // namespace
}  // namespace bpa::controller
