#include "agent/executor/journal_file.h"

#include <sys/stat.h>

#include <filesystem>
#include <memory>
#include <string>

#include "agent/executor/journal.h"
#include "gtest/gtest.h"
#include "proto/sqlite.h"
#include "tests/agent/executor/audit_records.h"
#include "tests/agent/executor/support.h"

namespace bpa::executor {
namespace {

CommandRecord Record(int number, v1::Mode mode = v1::MODE_APPLY) {
  return {.id = TestId(number),
          .payload_sha256 = std::string("\0payload", 8) + std::to_string(number),
          .mode = mode,
          .operator_name = "alice",
          .signers = {"a", "b"},
          .accepted_at = TestNow() + absl::Seconds(number),
          .replayable_until = TestNow() + absl::Hours(1)};
}

v1::AuditRecord Accepted() { return TestAudit(v1::AUDIT_EVENT_ACCEPTED, 1); }

class JournalFileTest : public testing::Test {
 protected:
  std::unique_ptr<Journal> Open() {
    absl::StatusOr<std::unique_ptr<Journal>> journal = Journal::Open(state_, TestNode());
    EXPECT_THAT(journal, IsOk());
    return journal.ok() ? *std::move(journal) : nullptr;
  }
  unsigned ModeOf(const std::string& path) const {
    struct stat info;
    return stat(path.c_str(), &info) == 0 ? info.st_mode & 07777 : 0;
  }

  const TemporaryDirectory directory_;
  const std::string state_ = directory_ / "state";
  const std::string file_ = state_ + "/journal.db";
};

TEST_F(JournalFileTest, NoticesThatItsFileWasDeletedAndSavesWhatItHeld) {
  auto journal = Open();
  ASSERT_THAT(journal->Accept(Record(1), Accepted()), IsOk());
  std::filesystem::remove(file_);
  const auto expect_refusal = [&](const absl::Status& status) {
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kDataLoss, "deleted or replaced"));
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kDataLoss, "mv " + file_ + ".rescued"));
  };
  expect_refusal(journal->Accept(Record(2), Accepted()));
  expect_refusal(journal->RecordFinished(Record(2), Accepted()));
  expect_refusal(journal->Size().status());
  expect_refusal(journal->Audit(Accepted()));
  EXPECT_EQ(ModeOf(file_ + ".rescued"), 0600u);
  EXPECT_FALSE(std::filesystem::exists(file_ + "-wal")) << "no log for another file";
  journal.reset();
  EXPECT_THAT(Journal::Open(state_, TestNode()), StatusIs(absl::StatusCode::kDataLoss, "was saved"))
      << "no new one is made in its place";
  std::filesystem::rename(file_ + ".rescued", file_);
  journal = Open();
  ASSERT_NE(journal, nullptr);
  EXPECT_TRUE(journal->Find(TestId(1)).value().has_value());
  EXPECT_EQ(journal->Find(TestId(2)).value(), std::nullopt);
  EXPECT_THAT(journal->Accept(Record(2), Accepted()), IsOk());
}

TEST_F(JournalFileTest, NoticesAnotherFileInItsPlace) {
  const auto journal = Open();
  WriteFile(file_ + ".other", "other", 0600);
  std::filesystem::rename(file_ + ".other", file_);
  EXPECT_THAT(journal->Accept(Record(1), Accepted()),
              StatusIs(absl::StatusCode::kDataLoss, "deleted or replaced"));
}

AppliedState Wanted(const std::string& command, v1::Outcome outcome) {
  AppliedState state{.command_id = command,
                     .operator_name = "alice",
                     .at = TestNow(),
                     .outcome = outcome,
                     .role = {},
                     .target = {}};
  state.role.set_name("bpa-node-1");
  state.role.add_sysctls()->set_name("vm.a");
  state.target.set_node("node-1");
  return state;
}

TEST_F(JournalFileTest, KeepsWhatTheLastApplyWantedAndHowItEnded) {
  auto journal = Open();
  EXPECT_EQ(journal->Applied().value(), std::nullopt);
  const AppliedState begun = Wanted(TestId(1), v1::OUTCOME_UNSPECIFIED);
  ASSERT_THAT(journal->Accept(Record(1), Accepted(), &begun), IsOk());
  EXPECT_EQ(journal->Applied().value()->outcome, v1::OUTCOME_UNSPECIFIED);
  const AppliedState ended = Wanted(TestId(1), v1::OUTCOME_FAILED);
  ASSERT_THAT(journal->Finish(TestId(1), "report", Accepted(), &ended), IsOk());
  journal.reset();
  journal = Open();
  const AppliedState kept = journal->Applied().value().value();
  EXPECT_EQ(kept.command_id, TestId(1));
  EXPECT_EQ(kept.operator_name, "alice");
  EXPECT_EQ(kept.at, TestNow());
  EXPECT_EQ(kept.outcome, v1::OUTCOME_FAILED);
  EXPECT_EQ(kept.role.SerializeAsString(), ended.role.SerializeAsString());
  EXPECT_EQ(kept.target.node(), "node-1");
}

TEST_F(JournalFileTest, CountsItsCommandsAndBytes) {
  const auto journal = Open();
  EXPECT_EQ(journal->Size()->commands, 0u);
  ASSERT_THAT(journal->Accept(Record(1), Accepted()), IsOk());
  EXPECT_EQ(journal->Size()->commands, 1u);
  EXPECT_EQ(journal->Size()->audit_entries, 1u);
  EXPECT_GE(journal->Size()->bytes,
            std::filesystem::file_size(file_) + std::filesystem::file_size(file_ + "-wal"));
}

}  // namespace
}  // namespace bpa::executor
