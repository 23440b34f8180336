#include "agent/executor/journal.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "agent/executor/journal_file.h"
#include "proto/envelope.h"

namespace bpa::executor {
namespace {

// Prepares, binds and runs a statement without rows.
template <typename Bind>
absl::Status Run(SqliteDatabase& database, const char* sql, Bind bind) {
  absl::StatusOr<SqliteStatement> statement = database.Prepare(sql);
  if (!statement.ok()) return ExplainDamage(statement.status());
  bind(*statement);
  return ExplainDamage(statement->Run());
}

// Prepares, binds and reads every row.
template <typename Bind, typename Row>
absl::Status Query(SqliteDatabase& database, const char* sql, Bind bind, Row row) {
  absl::StatusOr<SqliteStatement> statement = database.Prepare(sql);
  if (!statement.ok()) return ExplainDamage(statement.status());
  bind(*statement);
  while (true) {
    absl::StatusOr<bool> more = statement->Step();
    if (!more.ok()) return ExplainDamage(more.status());
    if (!*more) return absl::OkStatus();
    row(*statement);
  }
}

// Runs `work` in one transaction.
template <typename Work>
absl::Status Atomically(SqliteDatabase& database, Work work) {
  absl::StatusOr<SqliteTransaction> transaction = SqliteTransaction::Begin(database);
  if (!transaction.ok()) return ExplainDamage(transaction.status());
  if (absl::Status s = work(); !s.ok()) return s;
  return ExplainDamage(transaction->Commit());
}

std::vector<std::string> SplitSigners(const std::string& joined) {
  return absl::StrSplit(joined, ',', absl::SkipEmpty());
}

}  // namespace

Journal::Journal(JournalFile file, const NodeName& node, JournalLimits limits)
    : limits_(limits),
      place_(std::move(file.place)),
      database_(std::move(file.database)),
      audit_(node, limits.audit) {}

absl::StatusOr<std::unique_ptr<Journal>> Journal::Open(const std::string& directory,
                                                       const NodeName& node, JournalLimits limits) {
  absl::StatusOr<JournalFile> file = OpenJournalFile(directory);
  if (!file.ok()) return file.status();
  return std::unique_ptr<Journal>(new Journal(*std::move(file), node, limits));
}

absl::StatusOr<std::optional<CommandRecord>> Journal::Find(const std::string& id) {
  const std::lock_guard lock(mutex_);
  std::optional<CommandRecord> found;
  absl::Status s = Query(
      database_,
      "SELECT payload_sha256, mode, operator, signers, accepted_at, replayable_until, report "
      "FROM commands WHERE id = ?",
      [&](SqliteStatement& query) { query.BindText(1, id); },
      [&](const SqliteStatement& row) {
        found = CommandRecord{.id = id,
                              .payload_sha256 = row.Bytes(0),
                              .mode = static_cast<v1::Mode>(row.Int(1)),
                              .operator_name = row.Bytes(2),
                              .signers = SplitSigners(row.Bytes(3)),
                              .accepted_at = absl::FromUnixMillis(row.Int(4)),
                              .replayable_until = absl::FromUnixMillis(row.Int(5))};
        if (!row.IsNull(6)) found->report = row.Bytes(6);
      });
  if (!s.ok()) return s;
  return found;
}

absl::Status Journal::WriteApplied(const AppliedState* applied) {
  if (applied == nullptr) return absl::OkStatus();
  return Run(database_, "INSERT OR REPLACE INTO applied VALUES (1, ?, ?, ?, ?, ?, ?)",
             [&](SqliteStatement& insert) {
               insert.BindText(1, applied->command_id)
                   .BindText(2, applied->operator_name)
                   .BindInt(3, absl::ToUnixMillis(applied->at))
                   .BindInt(4, applied->outcome)
                   .BindBlob(5, applied->role.SerializeAsString())
                   .BindBlob(6, applied->target.SerializeAsString());
             });
}

absl::StatusOr<std::optional<AppliedState>> Journal::Applied() {
  const std::lock_guard lock(mutex_);
  std::optional<AppliedState> found;
  bool readable = true;
  absl::Status s = Query(
      database_, "SELECT command, operator, at, outcome, role, target FROM applied",
      [](SqliteStatement&) {},
      [&](const SqliteStatement& row) {
        found = AppliedState{.command_id = row.Bytes(0),
                             .operator_name = row.Bytes(1),
                             .at = absl::FromUnixMillis(row.Int(2)),
                             .outcome = static_cast<v1::Outcome>(row.Int(3)),
                             .role = {},
                             .target = {}};
        readable = found->role.ParseFromString(row.Bytes(4)) &&
                   found->target.ParseFromString(row.Bytes(5));
      });
  if (!s.ok()) return s;
  if (!readable) {
    return ExplainDamage(
        absl::DataLossError(absl::StrCat(place_.path, ": the applied state is unreadable")));
  }
  return found;
}

absl::StatusOr<JournalSize> Journal::Size() {
  const std::lock_guard lock(mutex_);
  if (absl::Status s = CheckStillThere(place_, database_); !s.ok()) return s;
  JournalSize size{.bytes = FileBytes(place_)};
  absl::Status s = Query(
      database_,
      "SELECT (SELECT count(*) FROM commands), "
      "ifnull((SELECT max(sequence) FROM audit) - (SELECT min(sequence) FROM audit) + 1, 0)",
      [](SqliteStatement&) {},
      [&](const SqliteStatement& row) {
        size.commands = static_cast<uint64_t>(row.Int(0));
        size.audit_entries = static_cast<uint64_t>(row.Int(1));
      });
  if (!s.ok()) return s;
  return size;
}

absl::Status Journal::Insert(const CommandRecord& record) {
  return Run(database_,
             record.report ? "INSERT INTO commands VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
                           : "INSERT INTO commands VALUES (?, ?, ?, ?, ?, ?, ?, NULL)",
             [&](SqliteStatement& insert) {
               insert.BindText(1, record.id)
                   .BindBlob(2, record.payload_sha256)
                   .BindInt(3, record.mode)
                   .BindText(4, record.operator_name)
                   .BindText(5, absl::StrJoin(record.signers, ","))
                   .BindInt(6, absl::ToUnixMillis(record.accepted_at))
                   .BindInt(7, absl::ToUnixMillis(record.replayable_until));
               if (record.report) insert.BindBlob(8, *record.report);
             });
}

absl::Status Journal::Drop(const std::string& id) {
  for (const char* sql :
       {"DELETE FROM steps WHERE command = ?", "DELETE FROM resets WHERE command = ?",
        "DELETE FROM commands WHERE id = ?"}) {
    absl::Status s =
        Run(database_, sql, [&](SqliteStatement& statement) { statement.BindText(1, id); });
    if (!s.ok()) return s;
  }
  return absl::OkStatus();
}

// Leaves room for one more command with a report of any size.
absl::Status Journal::MakeRoom(absl::Time now) {
  int64_t count = 0;
  int64_t bytes = 0;
  const auto bind_nothing = [](SqliteStatement&) {};
  absl::Status s = Query(database_, "SELECT count(*), ifnull(sum(length(report)), 0) FROM commands",
                         bind_nothing, [&](const SqliteStatement& row) {
                           count = row.Int(0);
                           bytes = row.Int(1);
                         });
  if (!s.ok()) return s;
  const auto fits = [&] {
    return count < limits_.commands &&
           bytes + static_cast<int64_t>(kMaxEnvelopeBytes) <= limits_.report_bytes;
  };
  if (fits()) return absl::OkStatus();

  std::vector<std::string> dropped;
  s = Query(
      database_,
      "SELECT id, ifnull(length(report), 0) FROM commands "
      "WHERE mode <> ? OR replayable_until <= ? ORDER BY accepted_at",
      [&](SqliteStatement& query) {
        query.BindInt(1, v1::MODE_APPLY).BindInt(2, absl::ToUnixMillis(now));
      },
      [&](const SqliteStatement& row) {
        if (fits()) return;
        dropped.push_back(row.Bytes(0));
        count -= 1;
        bytes -= row.Int(1);
      });
  if (!s.ok()) return s;
  if (!fits()) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "the journal is full of commands that could still be replayed (", count, " commands, ",
        bytes, " bytes of reports): wait until they have expired and send this one again"));
  }
  for (const std::string& id : dropped) {
    if (absl::Status drop = Drop(id); !drop.ok()) return drop;
  }
  return absl::OkStatus();
}

absl::Status Journal::Accept(const CommandRecord& record, const v1::AuditRecord& audit,
                             const AppliedState* applied) {
  const std::lock_guard lock(mutex_);
  if (absl::Status s = CheckStillThere(place_, database_); !s.ok()) return s;
  return Atomically(database_, [&] {
    absl::Status s = MakeRoom(record.accepted_at);
    if (s.ok()) s = Insert(record);
    if (s.ok()) s = WriteApplied(applied);
    return s.ok() ? ExplainDamage(audit_.Append(database_, audit)) : s;
  });
}

absl::Status Journal::WriteStep(const std::string& id, const StepRecord& step) {
  return Run(database_, "INSERT OR REPLACE INTO steps VALUES (?, ?, ?, ?, ?, ?)",
             [&](SqliteStatement& insert) {
               insert.BindText(1, id)
                   .BindInt(2, step.position)
                   .BindInt(3, step.kind)
                   .BindText(4, step.name)
                   .BindInt(5, step.status)
                   .BindText(6, step.message);
             });
}

absl::Status Journal::WriteSteps(const std::string& id, const std::vector<StepRecord>& steps) {
  const std::lock_guard lock(mutex_);
  if (absl::Status s = CheckStillThere(place_, database_); !s.ok()) return s;
  return Atomically(database_, [&] {
    for (const StepRecord& step : steps) {
      if (absl::Status s = WriteStep(id, step); !s.ok()) return s;
    }
    return absl::OkStatus();
  });
}

absl::StatusOr<std::vector<StepRecord>> Journal::Steps(const std::string& id) {
  const std::lock_guard lock(mutex_);
  std::vector<StepRecord> steps;
  absl::Status s = Query(
      database_,
      "SELECT position, kind, name, status, message FROM steps WHERE command = ? ORDER BY position",
      [&](SqliteStatement& query) { query.BindText(1, id); },
      [&](const SqliteStatement& row) {
        steps.push_back({.position = static_cast<int>(row.Int(0)),
                         .kind = static_cast<v1::ResourceKind>(row.Int(1)),
                         .name = row.Bytes(2),
                         .status = static_cast<v1::ResourceStatus>(row.Int(3)),
                         .message = row.Bytes(4)});
      });
  if (!s.ok()) return s;
  return steps;
}

absl::Status Journal::Finish(const std::string& id, const std::string& report,
                             const v1::AuditRecord& audit, const AppliedState* applied) {
  const std::lock_guard lock(mutex_);
  if (absl::Status s = CheckStillThere(place_, database_); !s.ok()) return s;
  return Atomically(database_, [&] {
    absl::Status s =
        Run(database_, "UPDATE commands SET report = ? WHERE id = ?",
            [&](SqliteStatement& update) { update.BindBlob(1, report).BindText(2, id); });
    if (s.ok()) s = WriteApplied(applied);
    if (!s.ok()) return s;
    s = Run(database_, "DELETE FROM steps WHERE command = ?",
            [&](SqliteStatement& statement) { statement.BindText(1, id); });
    return s.ok() ? ExplainDamage(audit_.Append(database_, audit)) : s;
  });
}

absl::Status Journal::RecordFinished(const CommandRecord& record, const v1::AuditRecord& audit) {
  const std::lock_guard lock(mutex_);
  if (absl::Status s = CheckStillThere(place_, database_); !s.ok()) return s;
  return Atomically(database_, [&] {
    absl::Status s = Drop(record.id);
    if (s.ok()) s = MakeRoom(record.accepted_at);
    if (s.ok()) s = Insert(record);
    return s.ok() ? ExplainDamage(audit_.Append(database_, audit)) : s;
  });
}

absl::Status Journal::Audit(const v1::AuditRecord& audit) {
  const std::lock_guard lock(mutex_);
  if (absl::Status s = CheckStillThere(place_, database_); !s.ok()) return s;
  return Atomically(database_, [&] {
    return ExplainDamage(audit.event() == v1::AUDIT_EVENT_REFUSED
                             ? audit_.AppendRefusal(database_, audit)
                             : audit_.Append(database_, audit));
  });
}

absl::StatusOr<AuditPart> Journal::ReadAudit(uint64_t first_sequence,
                                             std::optional<absl::Time> now) {
  const std::lock_guard lock(mutex_);
  // What cannot be written (a full disk) is still there to be counted later.
  if (now) {
    (void)Atomically(database_, [&] { return audit_.AppendDue(database_, *now); });
  }
  absl::StatusOr<AuditPart> part = audit_.Read(database_, first_sequence);
  if (!part.ok()) return ExplainDamage(part.status());
  return part;
}

absl::Status Journal::BeginFormat(const FormatIntent& intent) {
  const std::lock_guard lock(mutex_);
  return Run(database_, "INSERT OR REPLACE INTO format_intents VALUES (?, ?, ?, ?)",
             [&](SqliteStatement& insert) {
               insert.BindText(1, intent.disk)
                   .BindInt(2, static_cast<int64_t>(intent.size_bytes))
                   .BindText(3, intent.filesystem)
                   .BindText(4, intent.uuid);
             });
}

absl::StatusOr<std::optional<FormatIntent>> Journal::UnfinishedFormat(const std::string& disk) {
  const std::lock_guard lock(mutex_);
  std::optional<FormatIntent> found;
  absl::Status s = Query(
      database_, "SELECT size_bytes, filesystem, uuid FROM format_intents WHERE disk = ?",
      [&](SqliteStatement& query) { query.BindText(1, disk); },
      [&](const SqliteStatement& row) {
        found = FormatIntent{.disk = disk,
                             .size_bytes = static_cast<uint64_t>(row.Int(0)),
                             .filesystem = row.Bytes(1),
                             .uuid = row.Bytes(2)};
      });
  if (!s.ok()) return s;
  return found;
}

absl::Status Journal::FinishFormat(const std::string& disk) {
  const std::lock_guard lock(mutex_);
  return Run(database_, "DELETE FROM format_intents WHERE disk = ?",
             [&](SqliteStatement& statement) { statement.BindText(1, disk); });
}

absl::StatusOr<bool> Journal::ResetDone(const std::string& command_id, const std::string& path) {
  const std::lock_guard lock(mutex_);
  bool done = false;
  absl::Status s = Query(
      database_, "SELECT 1 FROM resets WHERE command = ? AND path = ?",
      [&](SqliteStatement& query) { query.BindText(1, command_id).BindText(2, path); },
      [&](const SqliteStatement&) { done = true; });
  if (!s.ok()) return s;
  return done;
}

absl::Status Journal::RecordReset(const std::string& command_id, const std::string& path) {
  const std::lock_guard lock(mutex_);
  return Run(database_, "INSERT OR REPLACE INTO resets VALUES (?, ?)",
             [&](SqliteStatement& insert) { insert.BindText(1, command_id).BindText(2, path); });
}

}  // namespace bpa::executor
