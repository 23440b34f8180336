#include "agent/executor/journal.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "proto/envelope.h"
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

v1::AuditRecord Accepted(int number = 1) { return TestAudit(v1::AUDIT_EVENT_ACCEPTED, number); }
v1::AuditRecord Ended(int number = 1) { return TestAudit(v1::AUDIT_EVENT_ENDED, number); }

class JournalTest : public testing::Test {
 protected:
  std::unique_ptr<Journal> Open(JournalLimits limits = {}) {
    absl::StatusOr<std::unique_ptr<Journal>> journal = Journal::Open(state_, TestNode(), limits);
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

TEST_F(JournalTest, MakesAFileThatOnlyItsOwnerCanRead) {
  const mode_t before = umask(0);
  {
    const auto journal = Open();
    ASSERT_THAT(journal->Accept(Record(1), Accepted()), IsOk());
    EXPECT_EQ(ModeOf(state_), 0700u);
    EXPECT_EQ(ModeOf(file_), 0600u);
    EXPECT_EQ(ModeOf(file_ + "-wal"), 0600u);
  }
  umask(before);
  EXPECT_FALSE(std::filesystem::exists(file_ + ".new"));
}

TEST_F(JournalTest, TightensADirectoryThatIsTooOpen) {
  ASSERT_EQ(mkdir(state_.c_str(), 0755), 0);
  Open();
  EXPECT_EQ(ModeOf(state_), 0700u);
}

TEST_F(JournalTest, FindsWhatItAccepted) {
  {
    const auto journal = Open();
    EXPECT_EQ(journal->Find(TestId(1)).value(), std::nullopt);
    ASSERT_THAT(journal->Accept(Record(1), Accepted()), IsOk());
  }
  const auto journal = Open();
  const auto found = journal->Find(TestId(1)).value();
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->payload_sha256, Record(1).payload_sha256);
  EXPECT_EQ(found->mode, v1::MODE_APPLY);
  EXPECT_EQ(found->operator_name, "alice");
  EXPECT_THAT(found->signers, testing::ElementsAre("a", "b"));
  EXPECT_EQ(found->accepted_at, Record(1).accepted_at);
  EXPECT_EQ(found->replayable_until, Record(1).replayable_until);
  EXPECT_EQ(found->report, std::nullopt);
}

TEST_F(JournalTest, DoesNotAcceptAnIdTwice) {
  const auto journal = Open();
  ASSERT_THAT(journal->Accept(Record(1), Accepted()), IsOk());
  CommandRecord other = Record(1);
  other.payload_sha256 = "other";
  EXPECT_FALSE(journal->Accept(other, Accepted()).ok());
  EXPECT_EQ(journal->Find(TestId(1)).value()->payload_sha256, Record(1).payload_sha256);
}

TEST_F(JournalTest, KeepsStepsUntilTheReportTakesTheirPlace) {
  const auto journal = Open();
  ASSERT_THAT(journal->Accept(Record(1), Accepted()), IsOk());
  const StepRecord volume{.position = 1, .kind = v1::RESOURCE_KIND_VOLUME, .name = "/opt"};
  ASSERT_THAT(journal->WriteSteps(TestId(1), {volume}), IsOk());
  StepRecord ended = volume;
  ended.status = v1::RESOURCE_STATUS_CHANGED;
  ended.message = "done";
  const StepRecord sysctl{.position = 3, .kind = v1::RESOURCE_KIND_SYSCTL, .name = "vm.x"};
  ASSERT_THAT(journal->WriteSteps(TestId(1), {ended, sysctl}), IsOk());
  const auto steps = journal->Steps(TestId(1)).value();
  ASSERT_EQ(steps.size(), 2u);
  EXPECT_EQ(steps[0].status, v1::RESOURCE_STATUS_CHANGED);
  EXPECT_EQ(steps[0].message, "done");
  EXPECT_EQ(steps[1].name, "vm.x");
  EXPECT_EQ(steps[1].status, v1::RESOURCE_STATUS_UNSPECIFIED);

  const std::string report("signed\0report", 13);
  ASSERT_THAT(journal->Finish(TestId(1), report, Ended()), IsOk());
  EXPECT_EQ(journal->Find(TestId(1)).value()->report, report);
  EXPECT_TRUE(journal->Steps(TestId(1)).value().empty());
}

TEST_F(JournalTest, RemembersFormatsAndResetsAcrossACrash) {
  const FormatIntent intent{
      .disk = "vol0123", .size_bytes = 4ull << 40, .filesystem = "xfs", .uuid = "u-1"};
  {
    const auto journal = Open();
    ASSERT_THAT(journal->Accept(Record(1), Accepted()), IsOk());
    ASSERT_THAT(journal->BeginFormat(intent), IsOk());
    ASSERT_THAT(journal->RecordReset(TestId(1), "/opt/bpa/data"), IsOk());
  }
  const auto journal = Open();
  EXPECT_EQ(journal->UnfinishedFormat("vol0123").value(), intent);
  EXPECT_EQ(journal->UnfinishedFormat("vol9").value(), std::nullopt);
  FormatIntent again = intent;
  again.uuid = "u-2";
  ASSERT_THAT(journal->BeginFormat(again), IsOk());
  EXPECT_EQ(journal->UnfinishedFormat("vol0123").value(), again);
  ASSERT_THAT(journal->FinishFormat("vol0123"), IsOk());
  EXPECT_EQ(journal->UnfinishedFormat("vol0123").value(), std::nullopt);
  EXPECT_TRUE(journal->ResetDone(TestId(1), "/opt/bpa/data").value());
  EXPECT_FALSE(journal->ResetDone(TestId(1), "/opt/bpa").value());
  EXPECT_FALSE(journal->ResetDone(TestId(2), "/opt/bpa/data").value());
}

TEST_F(JournalTest, DropsTheOldestThatCannotBeReplayedAnyMore) {
  const auto journal = Open({.commands = 3});
  for (int i = 1; i <= 3; ++i) {
    CommandRecord record = Record(i);
    record.replayable_until = TestNow();
    ASSERT_THAT(journal->Accept(record, Accepted()), IsOk());
  }
  ASSERT_THAT(journal->RecordReset(TestId(1), "/opt"), IsOk());
  ASSERT_THAT(journal->Accept(Record(4), Accepted()), IsOk());
  EXPECT_EQ(journal->Find(TestId(1)).value(), std::nullopt);
  EXPECT_FALSE(journal->ResetDone(TestId(1), "/opt").value());
  for (int i = 2; i <= 4; ++i) EXPECT_TRUE(journal->Find(TestId(i)).value().has_value()) << i;
}

TEST_F(JournalTest, NeverForgetsAnApplyThatCouldBeReplayed) {
  const auto journal = Open({.commands = 2});
  ASSERT_THAT(journal->Accept(Record(1), Accepted()), IsOk());
  ASSERT_THAT(journal->Finish(TestId(1), "report", Ended()), IsOk());
  CommandRecord plan = Record(2, v1::MODE_PLAN);
  plan.report = "plan";
  ASSERT_THAT(journal->RecordFinished(plan, Ended()), IsOk());
  // The plan may go: it changes nothing when it is replayed.
  ASSERT_THAT(journal->Accept(Record(3), Accepted()), IsOk());
  EXPECT_EQ(journal->Find(TestId(2)).value(), std::nullopt);
  EXPECT_THAT(journal->Accept(Record(4), Accepted()),
              StatusIs(absl::StatusCode::kResourceExhausted, "wait until they have expired"));
  EXPECT_TRUE(journal->Find(TestId(1)).value().has_value());
  EXPECT_TRUE(journal->Find(TestId(3)).value().has_value());
  EXPECT_EQ(journal->Find(TestId(4)).value(), std::nullopt);
}

TEST_F(JournalTest, BoundsTheBytesOfReports) {
  const auto room = static_cast<int64_t>(kMaxEnvelopeBytes);
  const auto journal = Open({.commands = 100, .report_bytes = room + 1000});
  for (int i = 1; i <= 5; ++i) {
    CommandRecord plan = Record(i, v1::MODE_PLAN);
    plan.report = std::string(400, 'r');
    ASSERT_THAT(journal->RecordFinished(plan, Ended()), IsOk());
  }
  EXPECT_EQ(journal->Find(TestId(1)).value(), std::nullopt);
  EXPECT_EQ(journal->Find(TestId(2)).value(), std::nullopt);
  for (int i = 3; i <= 5; ++i) EXPECT_TRUE(journal->Find(TestId(i)).value().has_value()) << i;
}

TEST_F(JournalTest, ReplacesTheRecordOfACommandThatChangesNothing) {
  const auto journal = Open();
  CommandRecord plan = Record(1, v1::MODE_PLAN);
  plan.report = "first";
  ASSERT_THAT(journal->RecordFinished(plan, Ended()), IsOk());
  plan.report = "second";
  ASSERT_THAT(journal->RecordFinished(plan, Ended()), IsOk());
  EXPECT_EQ(journal->Find(TestId(1)).value()->report, "second");
}

TEST_F(JournalTest, RefusesAJournalOfANewerVersion) {
  Open();
  {
    auto database = SqliteDatabase::Open(file_);
    ASSERT_THAT(database, IsOk());
    ASSERT_THAT(database->Execute("PRAGMA user_version = 1000"), IsOk());
  }
  EXPECT_THAT(Journal::Open(state_, TestNode()),
              StatusIs(absl::StatusCode::kFailedPrecondition, "written by a newer agent"));
}

// Version 1 had no audit record.
TEST_F(JournalTest, BringsAnOlderVersionsJournalToThisOne) {
  { ASSERT_THAT(Open()->Accept(Record(1), Accepted()), IsOk()); }
  {
    auto database = SqliteDatabase::Open(file_);
    ASSERT_THAT(database, IsOk());
    ASSERT_THAT(
        database->Execute("DROP TABLE audit; DROP TABLE audit_state; DROP TABLE audit_refusals;"
                          "DROP TABLE applied; PRAGMA user_version = 1"),
        IsOk());
  }
  const auto journal = Open();
  EXPECT_TRUE(journal->Find(TestId(1)).value().has_value());
  EXPECT_TRUE(ReadVerifiedAudit(*journal).value().empty());
  EXPECT_THAT(journal->Finish(TestId(1), "report", Ended()), IsOk());
  EXPECT_EQ(ReadVerifiedAudit(*journal).value().size(), 1u);
}

TEST_F(JournalTest, NeverMakesADamagedJournalAnew) {
  Open();
  const auto size = std::filesystem::file_size(file_);
  const auto expect_refusal = [&](const char* what) {
    EXPECT_THAT(Journal::Open(state_, TestNode()), StatusIs(absl::StatusCode::kDataLoss, file_))
        << what;
    EXPECT_THAT(Journal::Open(state_, TestNode()),
                StatusIs(absl::StatusCode::kDataLoss, "restore it from"))
        << what;
  };
  {
    std::fstream file(file_, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(0);
    file << std::string(4096, 'x');
  }
  expect_refusal("overwritten");
  EXPECT_EQ(std::filesystem::file_size(file_), size);
  WriteFile(file_, "", 0600);
  expect_refusal("truncated");
  EXPECT_EQ(std::filesystem::file_size(file_), 0u);
  std::filesystem::remove(file_);
  ASSERT_EQ(mkdir(file_.c_str(), 0700), 0);
  expect_refusal("a directory");
  std::filesystem::remove(file_);
  WriteFile(file_ + "-wal", "log", 0600);
  expect_refusal("gone, but for its log");
}

TEST_F(JournalTest, RefusesAnotherProgramsDatabase) {
  ASSERT_EQ(mkdir(state_.c_str(), 0700), 0);
  WriteFile(file_, "", 0600);
  {
    auto database = SqliteDatabase::Open(file_);
    ASSERT_THAT(database, IsOk());
    ASSERT_THAT(database->Execute("CREATE TABLE t (x)"), IsOk());
  }
  EXPECT_THAT(Journal::Open(state_, TestNode()),
              StatusIs(absl::StatusCode::kDataLoss, "not a bpa-executor journal"));
}

TEST_F(JournalTest, FinishesWhatACrashLeftWhenMakingTheFile) {
  ASSERT_EQ(mkdir(state_.c_str(), 0700), 0);
  WriteFile(file_ + ".new", "half", 0600);
  WriteFile(file_ + ".new-wal", "half", 0600);
  const auto journal = Open();
  EXPECT_THAT(journal->Accept(Record(1), Accepted()), IsOk());
}

TEST_F(JournalTest, SaysWhenAnotherProcessHasIt) {
  const auto journal = Open();
  ASSERT_THAT(journal->Accept(Record(1), Accepted()), IsOk());
  const pid_t child = fork();
  if (child == 0) {
    const absl::Status status = Journal::Open(state_, TestNode()).status();
    _exit(absl::IsUnavailable(status) &&
                  std::string(status.message()).find("another bpa-executor") != std::string::npos
              ? 0
              : 1);
  }
  int result = -1;
  ASSERT_EQ(waitpid(child, &result, 0), child);
  EXPECT_EQ(result, 0);
}

// Whether the audit record verifies, and has an entry for each acceptance and each end that the
// journal knows, and for no other.
absl::Status AuditTells(Journal& journal) {
  const absl::StatusOr<std::vector<v1::AuditRecord>> records = ReadVerifiedAudit(journal);
  if (!records.ok()) return records.status();
  std::map<std::string, int> events;
  for (const v1::AuditRecord& record : *records) ++events[record.command_id()];
  for (const auto& [id, count] : events) {
    const auto command = journal.Find(id).value();
    const int expected = !command ? 0 : command->report ? 2 : 1;
    if (count != expected) {
      return absl::InternalError(absl::StrCat(id, ": ", count, " entries, not ", expected));
    }
  }
  return absl::OkStatus();
}

// The child accepts and finishes commands as fast as it can and writes each number to a pipe once
// the journal has said that it is durable; it is killed at a moment of no choosing.
TEST_F(JournalTest, KeepsEverythingThatItSaidWasDurableUnderKill) {
  int next = 1;
  for (int round = 0; round < 25; ++round) {
    int pipe_ends[2];
    ASSERT_EQ(pipe2(pipe_ends, O_CLOEXEC), 0);
    const pid_t child = fork();
    if (child == 0) {
      auto journal = Journal::Open(state_, TestNode());
      for (int i = next; journal.ok(); ++i) {
        if (!(*journal)->Accept(Record(i), Accepted(i)).ok()) _exit(2);
        const StepRecord step{.position = 1, .kind = v1::RESOURCE_KIND_SYSCTL, .name = "vm.x"};
        if (!(*journal)->WriteSteps(TestId(i), {step}).ok()) _exit(3);
        if (!(*journal)->Finish(TestId(i), absl::StrCat("report ", i), Ended(i)).ok()) _exit(4);
        if (write(pipe_ends[1], &i, sizeof i) != sizeof i) _exit(5);
      }
      _exit(6);
    }
    close(pipe_ends[1]);
    int last = 0;
    int got = 0;
    for (int reads = 0; reads <= round % 5; ++reads) {
      if (read(pipe_ends[0], &got, sizeof got) == sizeof got) last = got;
    }
    kill(child, SIGKILL);
    while (read(pipe_ends[0], &got, sizeof got) == sizeof got) last = got;
    close(pipe_ends[0]);
    int result = 0;
    waitpid(child, &result, 0);
    ASSERT_TRUE(WIFSIGNALED(result)) << "the child ended by itself with " << WEXITSTATUS(result);
    ASSERT_GE(last, next);

    const auto journal = Open();
    ASSERT_NE(journal, nullptr);
    for (int i = next; i <= last; ++i) {
      const auto found = journal->Find(TestId(i)).value();
      ASSERT_TRUE(found.has_value()) << i;
      EXPECT_EQ(found->report, absl::StrCat("report ", i));
    }
    EXPECT_THAT(AuditTells(*journal), IsOk());
    next = last + 1;
    // What the kill interrupted is there whole or not at all, and can be taken up again.
    if (const auto interrupted = journal->Find(TestId(next)).value()) {
      EXPECT_EQ(interrupted->payload_sha256, Record(next).payload_sha256);
      if (!interrupted->report) {
        ASSERT_THAT(journal->Finish(TestId(next), "resumed", Ended(next)), IsOk());
      }
      ++next;
    }
  }
}

// In a child with a small filesystem of its own, which goes with it.
int FillTheDisk(const std::string& state) {
  if (unshare(CLONE_NEWNS) != 0) return 2;
  if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return 3;
  if (mount("bpa-core", state.c_str(), "tmpfs", 0, "size=256k,mode=0700") != 0) return 4;
  absl::StatusOr<std::unique_ptr<Journal>> journal = Journal::Open(state, TestNode());
  if (!journal.ok()) return 5;
  for (int i = 1; i < 1000; ++i) {
    const absl::Status status = (*journal)->Accept(Record(i), Accepted(i));
    if (status.ok()) continue;
    if (!absl::IsResourceExhausted(status)) return 6;
    // No act without its entry, no entry without its act.
    if (!AuditTells(**journal).ok()) return 10;
    if ((*journal)->Find(TestId(i)).value().has_value()) return 7;
    if (!(*journal)->Find(TestId(i - 1)).value().has_value()) return 8;
    absl::Status audited;
    while (audited.ok()) audited = (*journal)->Audit(Accepted(i));
    if (!absl::IsResourceExhausted(audited)) return 11;
    return ReadVerifiedAudit(**journal).ok() ? 0 : 12;
  }
  return 9;
}

TEST_F(JournalTest, SaysThatTheDiskIsFullAndRecordsNothing) {
  ASSERT_EQ(mkdir(state_.c_str(), 0700), 0);
  const pid_t child = fork();
  if (child == 0) _exit(FillTheDisk(state_));
  int result = -1;
  ASSERT_EQ(waitpid(child, &result, 0), child);
  EXPECT_EQ(WEXITSTATUS(result), 0);
}

}  // namespace
}  // namespace bpa::executor
