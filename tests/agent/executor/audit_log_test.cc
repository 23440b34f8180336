#include "agent/executor/audit_log.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "agent/executor/journal.h"
#include "gtest/gtest.h"
#include "proto/sqlite.h"
#include "tests/agent/executor/audit_records.h"
#include "tests/agent/executor/support.h"

namespace bpa::executor {
namespace {

v1::AuditRecord Refused(int number, absl::Time at = TestNow(),
                        v1::RefusalReason reason = v1::REFUSAL_REASON_SIGNATURE) {
  v1::AuditRecord record = TestAudit(v1::AUDIT_EVENT_REFUSED, number, at);
  record.set_refusal(reason);
  record.set_message(absl::StrCat("refusal ", number));
  return record;
}

class AuditLogTest : public testing::Test {
 protected:
  void Open(AuditLimits limits = {}) {
    journal_.reset();
    absl::StatusOr<std::unique_ptr<Journal>> journal =
        Journal::Open(state_, TestNode(), {.audit = limits});
    ASSERT_THAT(journal, IsOk());
    journal_ = *std::move(journal);
  }
  void Add(const v1::AuditRecord& record) { ASSERT_THAT(journal_->Audit(record), IsOk()); }
  std::vector<v1::AuditRecord> Records() {
    auto records = ReadVerifiedAudit(*journal_);
    EXPECT_THAT(records, IsOk());
    return records.ok() ? *std::move(records) : std::vector<v1::AuditRecord>();
  }
  // Does what no agent does.
  void Meddle(const char* statement) {
    journal_.reset();
    auto database = SqliteDatabase::Open(state_ + "/journal.db");
    ASSERT_THAT(database, IsOk());
    ASSERT_THAT(database->Execute(statement), IsOk());
  }

  const TemporaryDirectory directory_;
  const std::string state_ = directory_ / "state";
  std::unique_ptr<Journal> journal_;
};

TEST_F(AuditLogTest, BeginsEmptyAtTheStartOfThisNodesChain) {
  Open();
  const AuditPart part = journal_->ReadAudit(1, TestNow()).value();
  EXPECT_EQ(part.page.entries_size(), 0);
  EXPECT_EQ(part.head, AuditChainStart("bpa-test", "node-1"));
  EXPECT_EQ(part.before_first, part.head);
}

TEST_F(AuditLogTest, KeepsEntriesInOrderAcrossRestarts) {
  Open();
  Add(TestAudit(v1::AUDIT_EVENT_ENROLLED, 1));
  Add(TestAudit(v1::AUDIT_EVENT_ACCEPTED, 2));
  Open();
  Add(TestAudit(v1::AUDIT_EVENT_ENDED, 2));
  const std::vector<v1::AuditRecord> records = Records();
  ASSERT_EQ(records.size(), 3u);
  EXPECT_EQ(records[0].event(), v1::AUDIT_EVENT_ENROLLED);
  EXPECT_EQ(records[2].event(), v1::AUDIT_EVENT_ENDED);
  const AuditPart rest = journal_->ReadAudit(3, std::nullopt).value();
  ASSERT_EQ(rest.page.entries_size(), 1);
  EXPECT_EQ(rest.page.entries(0).sequence(), 3u);
  EXPECT_EQ(journal_->ReadAudit(UINT64_MAX, std::nullopt)->page.entries_size(), 0);
}

TEST_F(AuditLogTest, HandsOutPagesOfABoundedSize) {
  Open();
  v1::AuditRecord large = TestAudit(v1::AUDIT_EVENT_ENDED);
  large.set_message(std::string(4000, 'm'));
  for (int i = 0; i < 40; ++i) Add(large);
  const AuditPart part = journal_->ReadAudit(1, std::nullopt).value();
  EXPECT_LT(part.page.ByteSizeLong(), 80u * 1024);
  EXPECT_LT(part.page.entries_size(), 40);
  EXPECT_EQ(Records().size(), 40u);
}

TEST_F(AuditLogTest, DropsTheOldestByCountAndStillVerifies) {
  Open({.entries = 5});
  for (int i = 1; i <= 12; ++i) Add(TestAudit(v1::AUDIT_EVENT_ENDED, i));
  const std::vector<v1::AuditRecord> records = Records();
  ASSERT_EQ(records.size(), 5u);
  EXPECT_EQ(records[0].command_id(), TestId(8));
  EXPECT_EQ(journal_->ReadAudit(1, std::nullopt)->before_first.sequence, 7u);
  Open({.entries = 2});
  Add(TestAudit(v1::AUDIT_EVENT_ENDED, 13));
  EXPECT_EQ(Records().size(), 2u) << "a lower limit takes hold as well";
}

TEST_F(AuditLogTest, DropsTheOldestByBytesButNeverTheNewest) {
  Open({.bytes = 3000});
  v1::AuditRecord record = TestAudit(v1::AUDIT_EVENT_ENDED);
  record.set_message(std::string(900, 'm'));
  for (int i = 0; i < 10; ++i) Add(record);
  EXPECT_EQ(Records().size(), 3u);
  record.set_message(std::string(5000, 'm'));
  Add(record);
  EXPECT_EQ(Records().size(), 1u);
}

TEST_F(AuditLogTest, CountsRefusalsBeyondSoManyAnHourByReason) {
  Open({.refusals_per_hour = 3});
  for (int i = 1; i <= 10; ++i) Add(Refused(i, TestNow() + absl::Seconds(i)));
  Add(Refused(11, TestNow() + absl::Seconds(11), v1::REFUSAL_REASON_CLOCK));
  EXPECT_EQ(Records().size(), 3u);
  // Restarted meanwhile: the executor leaves when idle, and the count does not.
  Open({.refusals_per_hour = 3});
  Add(Refused(12, TestNow() + absl::Seconds(12)));
  EXPECT_EQ(Records().size(), 3u);

  // An hour later they come before what comes then.
  Add(TestAudit(v1::AUDIT_EVENT_ACCEPTED, 20, TestNow() + absl::Hours(2)));
  const std::vector<v1::AuditRecord> records = Records();
  ASSERT_EQ(records.size(), 6u);
  EXPECT_EQ(records[2].refusals(), 0u);
  EXPECT_EQ(records[3].refusal(), v1::REFUSAL_REASON_SIGNATURE);
  EXPECT_EQ(records[3].refusals(), 8u);
  EXPECT_EQ(records[3].first_at_unix_millis(), absl::ToUnixMillis(TestNow() + absl::Seconds(4)));
  EXPECT_EQ(records[3].at_unix_millis(), absl::ToUnixMillis(TestNow() + absl::Seconds(12)));
  EXPECT_EQ(records[3].message(), "refusal 12");
  EXPECT_EQ(records[4].refusal(), v1::REFUSAL_REASON_CLOCK);
  EXPECT_EQ(records[4].refusals(), 1u);
  EXPECT_EQ(records[5].event(), v1::AUDIT_EVENT_ACCEPTED);
}

// A stolen client certificate without a signing key.
TEST_F(AuditLogTest, AFloodOfRefusalsCannotPushOutAnApply) {
  Open({.entries = 100, .refusals_per_hour = 5});
  Add(TestAudit(v1::AUDIT_EVENT_ACCEPTED, 1));
  for (int i = 0; i < 300; ++i) {
    const auto reason = static_cast<v1::RefusalReason>(1 + i % 9);
    Add(Refused(2, TestNow() + i * absl::Seconds(36), reason));
  }
  const std::vector<v1::AuditRecord> records = Records();
  EXPECT_EQ(records[0].command_id(), TestId(1));
  EXPECT_LE(records.size(), 1 + 3 * (5 + 9)) << "of three hours";
}

TEST_F(AuditLogTest, GivesCountsTheirEntriesWhenTheRecordIsReadAndTheyAreDue) {
  Open({.refusals_per_hour = 0});
  Add(Refused(1));
  EXPECT_EQ(journal_->ReadAudit(1, TestNow() + absl::Minutes(59))->page.entries_size(), 0);
  EXPECT_EQ(journal_->ReadAudit(1, TestNow() + absl::Minutes(61))->page.entries_size(), 1);
  EXPECT_EQ(journal_->ReadAudit(1, TestNow() + absl::Minutes(62))->page.entries_size(), 1);
}

TEST_F(AuditLogTest, CountsAnewWhenTheClockWasSetBack) {
  Open({.refusals_per_hour = 1});
  Add(Refused(1));
  Add(Refused(2));
  Add(Refused(3, TestNow() - absl::Hours(24)));
  EXPECT_EQ(Records().size(), 3u) << "the count and the new hour's first";
}

TEST_F(AuditLogTest, GoesOnAfterWhatWasMeddledWithAndMendsNothing) {
  Open();
  for (int i = 1; i <= 4; ++i) Add(TestAudit(v1::AUDIT_EVENT_ENDED, i));
  Meddle("UPDATE audit SET record = x'00' WHERE sequence = 2");
  Open();
  Add(TestAudit(v1::AUDIT_EVENT_ENDED, 5));
  EXPECT_THAT(ReadVerifiedAudit(*journal_),
              StatusIs(absl::StatusCode::kDataLoss, "entry 2 is not chained to entry 1"));
  EXPECT_EQ(journal_->ReadAudit(1, std::nullopt)->head.sequence, 5u);
}

TEST_F(AuditLogTest, LeavesAGapWhereTheNewestEntriesWereRemoved) {
  Open();
  for (int i = 1; i <= 4; ++i) Add(TestAudit(v1::AUDIT_EVENT_ENDED, i));
  Meddle("DELETE FROM audit WHERE sequence >= 3");
  Open();
  EXPECT_THAT(ReadVerifiedAudit(*journal_),
              StatusIs(absl::StatusCode::kDataLoss, "entries 3 to 4 are missing"));
  Add(TestAudit(v1::AUDIT_EVENT_ENDED, 5));
  EXPECT_THAT(ReadVerifiedAudit(*journal_),
              StatusIs(absl::StatusCode::kDataLoss, "entries 3 to 4 are missing"));
}

TEST_F(AuditLogTest, DoesNotWriteOverEntriesThatItsStateDoesNotKnow) {
  Open();
  for (int i = 1; i <= 2; ++i) Add(TestAudit(v1::AUDIT_EVENT_ENDED, i));
  Meddle("DELETE FROM audit_state");
  Open();
  Add(TestAudit(v1::AUDIT_EVENT_ENDED, 3));
  EXPECT_EQ(Records().size(), 3u);
}

TEST_F(AuditLogTest, HandsOutNoEntryThatNoAgentCanHaveMade) {
  Open();
  Add(TestAudit(v1::AUDIT_EVENT_ENDED, 1));
  Meddle("UPDATE audit SET record = zeroblob(1000000)");
  Open();
  EXPECT_THAT(journal_->ReadAudit(1, std::nullopt),
              StatusIs(absl::StatusCode::kDataLoss, "entry 1 is 1000000 bytes long"));
  Add(TestAudit(v1::AUDIT_EVENT_ENDED, 2));
}

TEST(AuditMessageTest, IsBoundedAndAlwaysText) {
  EXPECT_EQ(AuditMessage("as it is"), "as it is");
  EXPECT_EQ(AuditMessage(std::string(5000, 'x')), std::string(1024, 'x'));
  EXPECT_EQ(AuditMessage(std::string(1023, 'x') + "\u00e4").size(), 1023u);
  EXPECT_EQ(AuditMessage("a\xff\nb"), "a\\xff\\nb");
}

}  // namespace
}  // namespace bpa::executor
