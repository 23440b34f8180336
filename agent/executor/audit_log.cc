#include "agent/executor/audit_log.h"

#include <algorithm>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "proto/utf8.h"

namespace bpa::executor {
namespace {

constexpr int64_t kHourMillis = int64_t{3600} * 1000;
constexpr size_t kPageBytes = size_t{64} * 1024;
// Far beyond what a command's names, reason and message can be: whatever is longer is none of ours.
constexpr int64_t kMaxRecordBytes = int64_t{32} * 1024;
constexpr size_t kMaxMessageBytes = 1024;

std::string Bytes(const Sha256& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

// Reads one row into `row`, if there is one.
template <typename Row>
absl::Status ReadRow(SqliteDatabase& database, const char* sql, Row row) {
  absl::StatusOr<SqliteStatement> query = database.Prepare(sql);
  if (!query.ok()) return query.status();
  absl::StatusOr<bool> found = query->Step();
  if (!found.ok()) return found.status();
  return *found ? row(*query) : absl::OkStatus();
}

absl::Status ReadPoint(const SqliteStatement& row, int column, AuditPoint& point) {
  absl::StatusOr<AuditPoint> read =
      AuditPointOf(static_cast<uint64_t>(row.Int(column)), row.Bytes(column + 1));
  if (!read.ok()) return absl::DataLossError(read.status().message());
  point = *read;
  return absl::OkStatus();
}

}  // namespace

AuditLog::AuditLog(const NodeName& node, AuditLimits limits)
    : limits_(limits), start_(AuditChainStart(node.cluster, node.node)) {}

absl::StatusOr<AuditLog::State> AuditLog::Load(SqliteDatabase& database) const {
  State state{.head = start_, .before_first = start_};
  absl::Status s = ReadRow(
      database,
      "SELECT head, head_chain, before_first, before_first_chain, bytes, hour_began_at, refusals "
      "FROM audit_state",
      [&](const SqliteStatement& row) {
        state.bytes = static_cast<uint64_t>(row.Int(4));
        state.hour_began_at = row.Int(5);
        state.refusals = static_cast<uint64_t>(row.Int(6));
        absl::Status read = ReadPoint(row, 0, state.head);
        return read.ok() ? ReadPoint(row, 2, state.before_first) : read;
      });
  if (!s.ok()) return s;
  // Entries beyond the head that is known were not made here. They stay, to be found by whoever
  // verifies: nothing of a record that was meddled with is mended, and new entries come after all.
  s = ReadRow(database, "SELECT sequence, chain FROM audit ORDER BY sequence DESC LIMIT 1",
              [&](const SqliteStatement& row) {
                return static_cast<uint64_t>(row.Int(0)) > state.head.sequence
                           ? ReadPoint(row, 0, state.head)
                           : absl::OkStatus();
              });
  if (!s.ok()) return s;
  return state;
}

absl::Status AuditLog::Store(SqliteDatabase& database, const State& state) const {
  absl::StatusOr<SqliteStatement> store =
      database.Prepare("INSERT OR REPLACE INTO audit_state VALUES (1, ?, ?, ?, ?, ?, ?, ?)");
  if (!store.ok()) return store.status();
  return store->BindInt(1, static_cast<int64_t>(state.head.sequence))
      .BindBlob(2, Bytes(state.head.chain))
      .BindInt(3, static_cast<int64_t>(state.before_first.sequence))
      .BindBlob(4, Bytes(state.before_first.chain))
      .BindInt(5, static_cast<int64_t>(state.bytes))
      .BindInt(6, state.hour_began_at)
      .BindInt(7, static_cast<int64_t>(state.refusals))
      .Run();
}

absl::Status AuditLog::AddEntry(SqliteDatabase& database, State& state,
                                const std::string& record) const {
  state.head = AuditChainNext(state.head, record);
  absl::StatusOr<SqliteStatement> insert = database.Prepare("INSERT INTO audit VALUES (?, ?, ?)");
  if (!insert.ok()) return insert.status();
  absl::Status s = insert->BindInt(1, static_cast<int64_t>(state.head.sequence))
                       .BindBlob(2, record)
                       .BindBlob(3, Bytes(state.head.chain))
                       .Run();
  state.bytes += record.size();
  while (s.ok() &&
         (state.head.sequence - state.before_first.sequence > limits_.entries ||
          state.bytes > limits_.bytes) &&
         state.before_first.sequence + 1 < state.head.sequence) {
    s = DropOldest(database, state);
  }
  return s;
}

absl::Status AuditLog::DropOldest(SqliteDatabase& database, State& state) const {
  uint64_t bytes = 0;
  AuditPoint oldest{.sequence = state.before_first.sequence + 1};
  absl::Status s = ReadRow(
      database, "SELECT sequence, chain, length(record) FROM audit ORDER BY sequence LIMIT 1",
      [&](const SqliteStatement& row) {
        bytes = static_cast<uint64_t>(row.Int(2));
        return ReadPoint(row, 0, oldest);
      });
  if (!s.ok()) return s;
  absl::StatusOr<SqliteStatement> drop = database.Prepare("DELETE FROM audit WHERE sequence <= ?");
  if (!drop.ok()) return drop.status();
  s = drop->BindInt(1, static_cast<int64_t>(oldest.sequence)).Run();
  state.before_first = oldest;
  state.bytes -= std::min(bytes, state.bytes);
  return s;
}

absl::Status AuditLog::Append(SqliteDatabase& database, const v1::AuditRecord& record) {
  absl::StatusOr<State> state = Load(database);
  if (!state.ok()) return state.status();
  absl::Status s = AddDue(database, *state, record.at_unix_millis());
  if (s.ok()) s = AddEntry(database, *state, record.SerializeAsString());
  return s.ok() ? Store(database, *state) : s;
}

absl::Status AuditLog::AppendRefusal(SqliteDatabase& database, const v1::AuditRecord& record) {
  absl::StatusOr<State> state = Load(database);
  if (!state.ok()) return state.status();
  const int64_t now = record.at_unix_millis();
  if (absl::Status s = AddDue(database, *state, now); !s.ok()) return s;
  if (now - state->hour_began_at >= kHourMillis || now < state->hour_began_at) {
    state->hour_began_at = now;
    state->refusals = 0;
  }
  const bool listed = state->refusals < limits_.refusals_per_hour;
  if (listed) ++state->refusals;
  absl::Status s =
      listed ? AddEntry(database, *state, record.SerializeAsString()) : Count(database, record);
  return s.ok() ? Store(database, *state) : s;
}

absl::Status AuditLog::Count(SqliteDatabase& database, const v1::AuditRecord& record) const {
  absl::StatusOr<SqliteStatement> count = database.Prepare(
      "INSERT INTO audit_refusals VALUES (?1, 1, ?2, ?3) "
      "ON CONFLICT (reason) DO UPDATE SET refusals = refusals + 1, last = excluded.last");
  if (!count.ok()) return count.status();
  return count->BindInt(1, record.refusal())
      .BindInt(2, record.at_unix_millis())
      .BindBlob(3, record.SerializeAsString())
      .Run();
}

absl::Status AuditLog::AppendDue(SqliteDatabase& database, absl::Time now) {
  absl::StatusOr<State> state = Load(database);
  if (!state.ok()) return state.status();
  absl::Status s = AddDue(database, *state, absl::ToUnixMillis(now));
  return s.ok() ? Store(database, *state) : s;
}

absl::Status AuditLog::AddDue(SqliteDatabase& database, State& state, int64_t now) const {
  // A clock that was set back must not keep a count from ever being due.
  absl::StatusOr<SqliteStatement> query = database.Prepare(
      "SELECT refusals, first_at, last FROM audit_refusals "
      "WHERE first_at <= ?1 OR first_at > ?2 ORDER BY reason");
  if (!query.ok()) return query.status();
  query->BindInt(1, now - kHourMillis).BindInt(2, now);
  std::vector<std::string> due;
  absl::StatusOr<bool> more = query->Step();
  for (; more.ok() && *more; more = query->Step()) {
    v1::AuditRecord count;
    count.set_refusals(static_cast<uint64_t>(query->Int(0)));
    count.set_first_at_unix_millis(query->Int(1));
    // Serialized messages one after the other are one message with the fields of both: nothing has
    // to be parsed here.
    due.push_back(query->Bytes(2) + count.SerializeAsString());
  }
  if (!more.ok()) return more.status();
  if (due.empty()) return absl::OkStatus();
  for (const std::string& record : due) {
    if (absl::Status s = AddEntry(database, state, record); !s.ok()) return s;
  }
  absl::StatusOr<SqliteStatement> drop =
      database.Prepare("DELETE FROM audit_refusals WHERE first_at <= ?1 OR first_at > ?2");
  if (!drop.ok()) return drop.status();
  return drop->BindInt(1, now - kHourMillis).BindInt(2, now).Run();
}

absl::StatusOr<AuditPart> AuditLog::Read(SqliteDatabase& database, uint64_t first_sequence) const {
  absl::StatusOr<State> state = Load(database);
  if (!state.ok()) return state.status();
  AuditPart part{.page = {}, .head = state->head, .before_first = state->before_first};
  absl::StatusOr<SqliteStatement> query = database.Prepare(
      "SELECT sequence, length(record), record, chain FROM audit WHERE sequence >= ? "
      "ORDER BY sequence");
  if (!query.ok()) return query.status();
  query->BindInt(1, static_cast<int64_t>(std::min<uint64_t>(first_sequence, INT64_MAX)));
  absl::StatusOr<bool> more = query->Step();
  for (size_t bytes = 0; more.ok() && *more && bytes < kPageBytes; more = query->Step()) {
    if (query->Int(1) > kMaxRecordBytes) {
      return absl::DataLossError(absl::StrCat("the audit record is damaged: entry ", query->Int(0),
                                              " is ", query->Int(1), " bytes long"));
    }
    v1::AuditEntry& entry = *part.page.add_entries();
    entry.set_sequence(static_cast<uint64_t>(query->Int(0)));
    entry.set_record(query->Bytes(2));
    entry.set_chain_sha256(query->Bytes(3));
    bytes += entry.ByteSizeLong();
  }
  if (!more.ok()) return more.status();
  return part;
}

std::string AuditMessage(std::string message) {
  size_t end = 0;
  while (end < message.size()) {
    const size_t length = Utf8Length(std::string_view(message).substr(end));
    if (length == 0) return AuditMessage(absl::CHexEscape(message));
    if (end + length > kMaxMessageBytes) break;
    end += length;
  }
  message.resize(end);
  return message;
}

}  // namespace bpa::executor
