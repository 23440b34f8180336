#include "controller/report_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <utility>
#include <vector>

#include "controller/command_builder.h"
#include "proto/envelope.h"
#include "proto/keys.h"

namespace bpa::controller {
namespace {

using testing::HasSubstr;

class ReportCheckTest : public testing::Test {
 protected:
  ReportCheckTest() {
    v1::Command command;
    command.set_id("018bcfe5-6880-7000-8000-000000000001");
    command.set_cluster("bpa-prod");
    command.set_mode(v1::MODE_APPLY);
    sent_ = *ReadSentCommand(*EncodeEnvelope(*WrapCommand(command)));
    report_.set_command_id(command.id());
    report_.set_command_sha256(sent_.payload_sha256);
    report_.set_cluster("bpa-prod");
    report_.set_node("node-1");
    report_.set_mode(v1::MODE_APPLY);
  }

  Envelope Wrap(const std::string& payload, std::string_view type = kReportPayloadType) {
    Envelope envelope{.payload_type = std::string(type), .payload = payload};
    const std::string bytes = PreAuthenticationEncoding(envelope.payload_type, envelope.payload);
    envelope.signatures.push_back({key_.public_key().id(), *key_.Sign(bytes)});
    return envelope;
  }

  absl::Status Check(const std::string& envelope) {
    std::vector<TrustedSigner> pinned;
    pinned.push_back({"node-1", *PublicKey::FromPem(key_.public_key().ToPem())});
    return CheckReport(envelope, Verifier(std::move(pinned)), sent_, "node-1").status();
  }

  PrivateKey key_ = *PrivateKey::GenerateEd25519();
  SentCommand sent_;
  v1::Report report_;
};

TEST_F(ReportCheckTest, BelievesTheNodesSignedAnswerToThisCommand) {
  EXPECT_TRUE(Check(*EncodeEnvelope(Wrap(report_.SerializeAsString()))).ok());
}

TEST_F(ReportCheckTest, DoesNotBelieveASignedReportThatAnswersSomethingElse) {
  const std::pair<const char*, std::function<void(v1::Report&)>> kAlterations[] = {
      {"for command", [](v1::Report& r) { r.set_command_id("018bcfe5-0000-7000-8000-0000"); }},
      {"other bytes", [](v1::Report& r) { r.set_command_sha256(std::string(32, 'x')); }},
      {"for cluster", [](v1::Report& r) { r.set_cluster("other"); }},
      {"for node", [](v1::Report& r) { r.set_node("node-9"); }},
      {"for mode", [](v1::Report& r) { r.set_mode(v1::MODE_VERIFY); }}};
  for (const auto& [what, alter] : kAlterations) {
    v1::Report altered = report_;
    alter(altered);
    const absl::Status status = Check(*EncodeEnvelope(Wrap(altered.SerializeAsString())));
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), HasSubstr(what));
  }
}

TEST_F(ReportCheckTest, DoesNotBelieveAnAlteredPayload) {
  Envelope envelope = Wrap(report_.SerializeAsString());
  envelope.payload.replace(envelope.payload.find("node-1"), 6, "node-2");
  EXPECT_EQ(Check(*EncodeEnvelope(envelope)).code(), absl::StatusCode::kUnauthenticated);
}

TEST_F(ReportCheckTest, DoesNotBelieveAReportWithoutASignature) {
  Envelope envelope = Wrap(report_.SerializeAsString());
  envelope.signatures.clear();
  EXPECT_EQ(Check(*EncodeEnvelope(envelope)).code(), absl::StatusCode::kUnauthenticated);
}

TEST_F(ReportCheckTest, DoesNotTakeACommandForAReport) {
  EXPECT_FALSE(Check(*EncodeEnvelope(Wrap(report_.SerializeAsString(), kCommandPayloadType))).ok());
}

TEST_F(ReportCheckTest, RefusesBytesThatAreNoEnvelopeOrNoReport) {
  EXPECT_FALSE(Check("no envelope").ok());
  EXPECT_FALSE(Check("").ok());
  EXPECT_FALSE(Check(*EncodeEnvelope(Wrap("\xff"))).ok());
  EXPECT_FALSE(Check(*EncodeEnvelope(Wrap(report_.SerializeAsString())) + "x").ok());
}

TEST_F(ReportCheckTest, ReadsOnlyCommandsBack) {
  EXPECT_FALSE(ReadSentCommand(*EncodeEnvelope(Wrap(report_.SerializeAsString()))).ok());
  EXPECT_FALSE(ReadSentCommand("no envelope").ok());
  EXPECT_FALSE(ReadSentCommand(*EncodeEnvelope(Wrap("\xff", kCommandPayloadType))).ok());
}

}  // namespace
}  // namespace bpa::controller
