#include "agent/executor/report.h"

#include <sys/stat.h>

#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "proto/envelope.h"
#include "tests/agent/executor/support.h"

namespace bpa::executor {
namespace {

// Computed by Python: sha256 of struct.pack(">I", 4) and, for each text, its length likewise and
// it.
TEST(ReportTest, FingerprintsAChangeAsTheProtocolSays) {
  const v1::Change change =
      MakeChange(v1::RESOURCE_KIND_SYSCTL, "vm.max_map_count",
                 {.aspect = "live value", .before = "65530", .after = ">= 262144"});
  EXPECT_EQ(absl::BytesToHexString(change.fingerprint_sha256()),
            "507e23db80a1aaa5c16b49b5b16e7668a8a0ce8e6daf38270db0c587bd51543f");
  EXPECT_EQ(change.aspect(), "live value");
  EXPECT_EQ(change.before(), "65530");
  EXPECT_EQ(change.after(), ">= 262144");
}

TEST(ReportTest, SignsForThisNodeWithItsKey) {
  const PrivateKey key = NewKey();
  const PublicKey public_key = PublicKey::FromPem(key.public_key().ToPem()).value();
  const ReportSigner signer(PrivateKey::FromPem(key.ToPem()).value(), "bpa-test", "node-1");
  v1::Report report;
  report.set_command_id(TestId(1));
  report.set_node("somebody else");
  const absl::StatusOr<std::string> envelope = signer.Sign(report);
  ASSERT_THAT(envelope, IsOk());
  const v1::Report opened = OpenReport(*envelope, public_key);
  EXPECT_EQ(opened.command_id(), TestId(1));
  EXPECT_EQ(opened.cluster(), "bpa-test");
  EXPECT_EQ(opened.node(), "node-1");
  EXPECT_EQ(opened.agent_version(), kAgentVersion);
}

TEST(ReportTest, CountsFailedAndSkippedAsFailure) {
  v1::Report report;
  EXPECT_EQ(OutcomeOf(report), v1::OUTCOME_SUCCEEDED);
  report.add_resources()->set_status(v1::RESOURCE_STATUS_CHANGED);
  report.add_resources()->set_status(v1::RESOURCE_STATUS_WOULD_CHANGE);
  EXPECT_EQ(OutcomeOf(report), v1::OUTCOME_SUCCEEDED);
  report.add_resources()->set_status(v1::RESOURCE_STATUS_SKIPPED);
  EXPECT_EQ(OutcomeOf(report), v1::OUTCOME_FAILED);
  report.mutable_resources(2)->set_status(v1::RESOURCE_STATUS_FAILED);
  EXPECT_EQ(OutcomeOf(report), v1::OUTCOME_FAILED);
}

TEST(ReportTest, ReportsAnInterruptedCommandByItsSteps) {
  const CommandRecord record{.id = TestId(1),
                             .payload_sha256 = std::string(32, 's'),
                             .mode = v1::MODE_APPLY,
                             .operator_name = "alice",
                             .signers = {"a", "b"},
                             .accepted_at = TestNow()};
  const v1::Report report = InterruptedReport(
      record, {{.position = 1,
                .kind = v1::RESOURCE_KIND_VOLUME,
                .name = "/opt",
                .status = v1::RESOURCE_STATUS_CHANGED},
               {.position = 2, .kind = v1::RESOURCE_KIND_DIRECTORY, .name = "/opt/bpa"}});
  EXPECT_EQ(report.outcome(), v1::OUTCOME_INTERRUPTED);
  EXPECT_EQ(report.command_sha256(), record.payload_sha256);
  EXPECT_EQ(report.started_at_unix_millis(), absl::ToUnixMillis(TestNow()));
  ASSERT_EQ(report.resources_size(), 2);
  EXPECT_EQ(report.resources(0).status(), v1::RESOURCE_STATUS_CHANGED);
  EXPECT_EQ(report.resources(1).status(), v1::RESOURCE_STATUS_FAILED);
  EXPECT_THAT(report.resources(1).message(), testing::HasSubstr("send the same command again"));
  EXPECT_THAT(report.signers(), testing::ElementsAre("a", "b"));
}

TEST(ReportTest, FitsAnyReportIntoOneEnvelopeWithoutLosingAResource) {
  const PrivateKey key = NewKey();
  const PublicKey public_key = PublicKey::FromPem(key.public_key().ToPem()).value();
  const ReportSigner signer(PrivateKey::FromPem(key.ToPem()).value(), "bpa-test", "node-1");
  for (const size_t text_bytes : {size_t{100}, size_t{5000}, size_t{20000}}) {
    v1::Report report;
    // As many as a role may have: volumes, directories with a reset each, sysctls.
    for (int i = 0; i < 584; ++i) {
      v1::ResourceResult& result = *report.add_resources();
      result.set_kind(v1::RESOURCE_KIND_DIRECTORY);
      result.set_name(absl::StrCat(std::string(220, 'n'), i));
      result.set_status(v1::RESOURCE_STATUS_FAILED);
      result.set_message(std::string(text_bytes / 2, 'm') + "\xc3\xa4" +
                         std::string(text_bytes / 2, 'm'));
      for (int c = 0; c < 4; ++c) {
        *result.add_changes() =
            MakeChange(result.kind(), result.name(),
                       {.aspect = "mode", .before = std::string(text_bytes, 'b'), .after = "0777"});
      }
    }
    const absl::StatusOr<std::string> envelope = signer.Sign(report);
    ASSERT_THAT(envelope, IsOk()) << text_bytes;
    const v1::Report opened = OpenReport(*envelope, public_key);
    ASSERT_EQ(opened.resources_size(), 584);
    EXPECT_EQ(opened.resources(583).name(), report.resources(583).name());
    EXPECT_EQ(opened.resources(583).status(), v1::RESOURCE_STATUS_FAILED);
    if (opened.resources(0).changes_size() > 0) {
      EXPECT_EQ(opened.resources(0).changes(0).fingerprint_sha256(),
                report.resources(0).changes(0).fingerprint_sha256());
    }
  }
}

TEST(ReportTest, CutsLongTextsBetweenCharacters) {
  const PrivateKey key = NewKey();
  const PublicKey public_key = PublicKey::FromPem(key.public_key().ToPem()).value();
  const ReportSigner signer(PrivateKey::FromPem(key.ToPem()).value(), "bpa-test", "node-1");
  v1::Report report;
  std::string umlauts;
  for (int i = 0; i < 10000; ++i) umlauts += "\xc3\xa4";
  report.add_resources()->set_message("x" + umlauts);
  // OpenReport parses, and a Protobuf string that is not UTF-8 does not parse.
  const v1::Report opened = OpenReport(signer.Sign(report).value(), public_key);
  ASSERT_EQ(opened.resources_size(), 1);
  EXPECT_THAT(opened.resources(0).message(), testing::EndsWith("\xc3\xa4 [...]"));
  EXPECT_LT(opened.resources(0).message().size(), 8300u);
}

TEST(ReportTest, RefusesAKeyThatOthersCanRead) {
  const TemporaryDirectory directory;
  const std::string path = directory / "report.key";
  EXPECT_THAT(LoadReportKey(path), StatusIs(absl::StatusCode::kNotFound, "executor.report_key"));
  WriteFile(path, NewKey().ToPem(), 0600);
  EXPECT_THAT(LoadReportKey(path), IsOk());
  ASSERT_EQ(chmod(path.c_str(), 0644), 0);
  EXPECT_THAT(LoadReportKey(path), StatusIs(absl::StatusCode::kFailedPrecondition, "report.key"));
  WriteFile(path, "no key", 0600);
  EXPECT_THAT(LoadReportKey(path), StatusIs(absl::StatusCode::kInvalidArgument, "report.key"));
}

}  // namespace
}  // namespace bpa::executor
