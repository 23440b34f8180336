#include "controller/render_recap.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/controller/results.h"

namespace bpa::controller {
namespace {

using testing::HasSubstr;

TEST(RenderRecapTest, GivesEveryNodeALineAndEveryFailureInFull) {
  const auto directory = [](v1::ResourceStatus status, const std::string& message = "") {
    return MakeResource(v1::RESOURCE_KIND_DIRECTORY, "/opt/bpa/a", status, {}, message);
  };
  const std::vector<NodeResult> results = {
      Reported("node-1", v1::MODE_APPLY,
               {directory(v1::RESOURCE_STATUS_UNCHANGED), directory(v1::RESOURCE_STATUS_CHANGED),
                directory(v1::RESOURCE_STATUS_CHANGED)}),
      Reported("node-2", v1::MODE_APPLY,
               {directory(v1::RESOURCE_STATUS_FAILED, "a file is in the way: move it"),
                directory(v1::RESOURCE_STATUS_SKIPPED, "not touched")},
               v1::OUTCOME_FAILED),
      NotReported("node-10", NodeState::kUnreachable,
                  absl::UnavailableError("cannot connect to 10.0.1.20:7443")),
      NotReported("node-11", NodeState::kRefused, absl::AbortedError("busy with another")),
      NotReported("node-12", NodeState::kNotSent, absl::CancelledError("stopped")),
      NotReported("node-13", NodeState::kBadReport, absl::UnauthenticatedError("wrong key"))};
  EXPECT_EQ(RenderRecap(results, /*color=*/false),
            "node-1   ok=1 changed=2 failed=0 skipped=0  0.8s\n"
            "node-2   ok=0 changed=0 failed=1 skipped=1  0.8s\n"
            "    failed: directory /opt/bpa/a: a file is in the way: move it\n"
            "    skipped: directory /opt/bpa/a: not touched\n"
            "node-10  unreachable  10.0s\n"
            "    cannot connect to 10.0.1.20:7443\n"
            "node-11  refused  10.0s\n"
            "    busy with another\n"
            "    Run this again when that command has finished.\n"
            "node-12  not sent\n"
            "    stopped\n"
            "node-13  bad report  10.0s\n"
            "    wrong key\n"
            "    Do not rely on this answer. If the node was reinstalled, its new report key must "
            "be pinned in nodes/<name>/report.pem; otherwise find out who answers at its "
            "address.\n");
}

TEST(RenderRecapTest, SaysWhatOfAPackageTravelledAndWhatDidNot) {
  NodeResult result = Reported("node-1", v1::MODE_APPLY, {});
  result.packages["/opt/bpa/packages"].set_received_bytes(10 * 1024);
  result.packages["/opt/bpa/packages"].set_reused_bytes(uint64_t{3} << 30);
  EXPECT_EQ(RenderRecap({result}, /*color=*/false),
            "node-1  ok=0 changed=0 failed=0 skipped=0  0.8s  10.0 KiB received, 3.0 GiB reused\n");
}

TEST(RenderRecapTest, CountsDifferencesOfAVerification) {
  const NodeResult result =
      Reported("node-1", v1::MODE_VERIFY,
               {MakeResource(v1::RESOURCE_KIND_SYSCTL, "vm.x", v1::RESOURCE_STATUS_WOULD_CHANGE)});
  EXPECT_EQ(RenderCounts(result.report), "ok=0 differs=1 failed=0 skipped=0");
}

TEST(RenderRecapTest, SaysThatAnInterruptedCommandCanBeFinished) {
  EXPECT_THAT(RenderRecap({Reported("node-1", v1::MODE_APPLY, {}, v1::OUTCOME_INTERRUPTED)}, false),
              HasSubstr("sending the same command again finishes it"));
}

TEST(RenderRecapTest, SaysWhenAReportCouldNotBeKept) {
  NodeResult result = Reported("node-1", v1::MODE_APPLY, {});
  result.status = absl::InternalError("No space left on device");
  EXPECT_THAT(RenderRecap({result}, false),
              HasSubstr("the report could not be kept: No space left on device"));
}

TEST(RenderRecapTest, WritesLongTimesInMinutes) {
  EXPECT_EQ(RenderElapsed(absl::Milliseconds(49)), "0.0s");
  EXPECT_EQ(RenderElapsed(absl::Milliseconds(59'900)), "59.9s");
  EXPECT_EQ(RenderElapsed(absl::Seconds(200)), "3m 20s");
}

}  // namespace
}  // namespace bpa::controller
