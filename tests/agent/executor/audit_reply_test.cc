// What the executor records for the auditor, and how it hands that out.
#include "agent/executor/audit_reply.h"

#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "proto/audit_chain.h"
#include "proto/envelope.h"
#include "proto/sqlite.h"
#include "tests/agent/executor/audit_records.h"
#include "tests/agent/executor/node.h"

namespace bpa::executor {
namespace {

class AuditReplyTest : public NodeTest {
 protected:
  // Does to the journal what no agent does, between two runs of the executor.
  void Meddle(const char* statement) {
    executor_.reset();
    journal_.reset();
    {
      auto database = SqliteDatabase::Open(config_.state + "/journal.db");
      ASSERT_THAT(database, IsOk());
      ASSERT_THAT(database->Execute(statement), IsOk());
    }
    OpenJournal();
  }
  // Asks for the audit record from `first` on, adds it to `verifier` and returns the head.
  v1::AuditHead GetAudit(uint64_t first, AuditChainVerifier& verifier) {
    summary_ = {};
    const AuditRequest request{.first_sequence = first, .nonce = std::string(kNonceBytes, 'n')};
    const absl::StatusOr<std::string> envelope = executor_->GetAudit(
        request,
        [&](const v1::AuditPage& page) {
          for (const v1::AuditEntry& entry : page.entries()) {
            (void)verifier.Add(entry.sequence(), entry.record(), entry.chain_sha256());
          }
          return absl::OkStatus();
        },
        summary_);
    EXPECT_THAT(envelope, IsOk());
    std::vector<TrustedSigner> trusted;
    trusted.push_back(
        {.name = "node", .key = PublicKey::FromPem(report_key_.public_key().ToPem()).value()});
    const absl::StatusOr<VerifiedPayload> payload =
        Verifier(std::move(trusted))
            .Verify(DecodeEnvelope(*envelope).value(), kAuditHeadPayloadType, 1);
    EXPECT_THAT(payload, IsOk());
    v1::AuditHead head;
    EXPECT_TRUE(payload.ok() && head.ParseFromString(payload->bytes()));
    return head;
  }
};

TEST_F(AuditReplyTest, RecordsEveryCommandAndEveryRefusalForTheAuditor) {
  ASSERT_THAT(Execute(Sign(NewCommand(1))), IsOk());
  ASSERT_THAT(Execute(Sign(NewCommand(1))), IsOk()) << "the same again is no event";
  ASSERT_THAT(Execute(Sign(NewCommand(2, v1::MODE_PLAN))), IsOk());
  const PrivateKey stranger = NewKey();
  const v1::Command unsigned_by_us = NewCommand(3);
  EXPECT_FALSE(Execute(SignCommand(unsigned_by_us, {&stranger})).ok());
  EXPECT_FALSE(Execute("no envelope").ok());
  v1::Command expired = NewCommand(4);
  expired.set_reason("CHG-1");
  now_ = absl::FromUnixMillis(expired.expires_at_unix_millis()) + absl::Minutes(5);
  EXPECT_FALSE(Execute(Sign(expired)).ok());

  const std::vector<v1::AuditRecord> records = ReadVerifiedAudit(*journal_).value();
  ASSERT_EQ(records.size(), 6u);
  EXPECT_EQ(records[0].event(), v1::AUDIT_EVENT_ACCEPTED);
  EXPECT_EQ(records[0].mode(), v1::MODE_APPLY);
  EXPECT_EQ(records[0].command_sha256(), journal_->Find(TestId(1)).value()->payload_sha256);
  EXPECT_EQ(records[0].operator_name(), "alice@bastion");
  EXPECT_EQ(records[1].event(), v1::AUDIT_EVENT_ENDED);
  EXPECT_EQ(records[1].command_id(), TestId(1));
  EXPECT_EQ(records[1].outcome(), v1::OUTCOME_SUCCEEDED);
  EXPECT_THAT(records[1].signers(), testing::ElementsAre("alice"));
  EXPECT_EQ(records[2].event(), v1::AUDIT_EVENT_ENDED);
  EXPECT_EQ(records[2].mode(), v1::MODE_PLAN);
  // Of bytes that nobody signed: which they were, and no more.
  EXPECT_EQ(records[3].event(), v1::AUDIT_EVENT_REFUSED);
  EXPECT_EQ(records[3].refusal(), v1::REFUSAL_REASON_SIGNATURE);
  EXPECT_EQ(records[3].command_sha256(), Parse(unsigned_by_us)->payload_sha256());
  EXPECT_EQ(records[3].command_id(), "");
  EXPECT_EQ(records[4].refusal(), v1::REFUSAL_REASON_MALFORMED);
  EXPECT_EQ(records[4].command_sha256(), "");
  EXPECT_EQ(records[5].refusal(), v1::REFUSAL_REASON_CLOCK);
  EXPECT_EQ(records[5].command_id(), TestId(4));
  EXPECT_EQ(records[5].reason(), "CHG-1");
  EXPECT_THAT(records[5].message(), testing::HasSubstr("expired 5 min ago"));
  EXPECT_EQ(records[5].at_unix_millis(), absl::ToUnixMillis(now_));
}

// The audit record alone cannot be written: everything else in the journal could be.
TEST_F(AuditReplyTest, CarriesOutNothingThatItCannotRecordAndStillRefuses) {
  Meddle("CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'no room'); END");
  EXPECT_THAT(Execute(Sign(NewCommand(1))),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       "the journal cannot record the command, and nothing was changed"));
  EXPECT_TRUE(machine_.values().empty());
  EXPECT_EQ(journal_->Find(TestId(1)).value(), std::nullopt);
  EXPECT_THAT(Execute(Sign(NewCommand(1, v1::MODE_PLAN))),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       "the journal cannot record the command, which changes nothing"));
  v1::Command other = NewCommand(1);
  other.set_cluster("other");
  EXPECT_THAT(Execute(Sign(other)),
              StatusIs(absl::StatusCode::kFailedPrecondition, "for cluster 'other'"));
  EXPECT_THAT(summary_.audit, StatusIs(absl::StatusCode::kInternal, "no room"));
}

TEST_F(AuditReplyTest, AnInterruptedApplyIsRecordedAsAcceptedAndNotAsEnded) {
  machine_.before_set = [this](const std::string&) { executor_->Stop(); };
  ASSERT_THAT(Execute(Sign(NewCommand(1))), IsOk());
  EXPECT_EQ(ReadVerifiedAudit(*journal_)->size(), 1u);
  machine_.before_set = nullptr;
  OpenJournal();
  ASSERT_THAT(Execute(Sign(NewCommand(1))), IsOk());
  const std::vector<v1::AuditRecord> records = ReadVerifiedAudit(*journal_).value();
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0].event(), v1::AUDIT_EVENT_ACCEPTED);
  EXPECT_EQ(records[1].event(), v1::AUDIT_EVENT_ENDED);
}

TEST_F(AuditReplyTest, HandsOutTheAuditRecordWithItsSignedHead) {
  ASSERT_THAT(Execute(Sign(NewCommand(1))), IsOk());
  ASSERT_THAT(Execute(Sign(NewCommand(2, v1::MODE_VERIFY))), IsOk());
  AuditChainVerifier verifier(AuditChainStart("bpa-test", "node-1"));
  const v1::AuditHead head = GetAudit(1, verifier);
  EXPECT_EQ(head.cluster(), "bpa-test");
  EXPECT_EQ(head.node(), "node-1");
  EXPECT_EQ(head.nonce(), std::string(kNonceBytes, 'n'));
  EXPECT_EQ(head.now_unix_millis(), absl::ToUnixMillis(now_));
  EXPECT_EQ(head.sequence(), 3u);
  EXPECT_EQ(head.first_sequence(), 1u);
  EXPECT_THAT(verifier.Finish(AuditPointOf(3, head.chain_sha256()).value(),
                              AuditPointOf(0, head.first_previous_sha256()).value()),
              IsOk());
  EXPECT_THAT(summary_.audit, IsOk());

  AuditChainVerifier rest(verifier.last());
  ASSERT_THAT(Execute(Sign(NewCommand(3, v1::MODE_PLAN))), IsOk());
  EXPECT_EQ(GetAudit(4, rest).sequence(), 4u);
  EXPECT_EQ(rest.last().sequence, 4u);
}

TEST_F(AuditReplyTest, SaysThatTheAuditRecordIsBrokenAndGoesOn) {
  ASSERT_THAT(Execute(Sign(NewCommand(1))), IsOk());
  Meddle("UPDATE audit SET record = x'' WHERE sequence = 1");
  AuditChainVerifier verifier(AuditChainStart("bpa-test", "node-1"));
  EXPECT_EQ(GetAudit(1, verifier).sequence(), 2u) << "handed out as it is";
  EXPECT_THAT(summary_.audit, StatusIs(absl::StatusCode::kDataLoss, "entry 1 is not chained"));
  EXPECT_THAT(Execute(Sign(NewCommand(2))), IsOk());
}

TEST_F(AuditReplyTest, StopsHandingOutTheAuditRecordWhenNobodyTakesIt) {
  ASSERT_THAT(Execute(Sign(NewCommand(1))), IsOk());
  const AuditRequest request{.first_sequence = 1, .nonce = std::string(kNonceBytes, 'n')};
  EXPECT_THAT(
      executor_->GetAudit(
          request, [](const v1::AuditPage&) { return absl::UnavailableError("gone"); }, summary_),
      StatusIs(absl::StatusCode::kUnavailable, "gone"));
}

}  // namespace
}  // namespace bpa::executor
