#include "controller/history/history_index.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "controller/history/evidence.h"
#include "controller/history/index_file.h"
#include "proto/trusted_file.h"

namespace bpa::controller {
namespace {

constexpr char kRunColumns[] =
    "id, verb, mode, reset, cluster, operator, reason, signers, command_sha256, issued_at,"
    "started_at, finished_at, exit_code, sendings";

int64_t Millis(absl::Time time) {
  return time == absl::InfinitePast() ? 0 : absl::ToUnixMillis(time);
}

absl::Time FromMillis(int64_t millis) {
  return millis == 0 ? absl::InfinitePast() : absl::FromUnixMillis(millis);
}

Run ReadRow(const SqliteStatement& row) {
  Run run{.id = row.Bytes(0),
          .verb = row.Bytes(1),
          .mode = row.Bytes(2),
          .reset = row.Int(3) != 0,
          .cluster = row.Bytes(4),
          .operator_name = row.Bytes(5),
          .reason = row.Bytes(6),
          .command_sha256 = row.Bytes(8),
          .issued_at = FromMillis(row.Int(9)),
          .started_at = FromMillis(row.Int(10)),
          .finished_at = FromMillis(row.Int(11)),
          .exit_code = static_cast<int>(row.Int(12)),
          .sendings = static_cast<int>(row.Int(13))};
  run.signers = absl::StrSplit(row.Bytes(7), ',', absl::SkipEmpty());
  return run;
}

NodeRun ReadNodeRow(const SqliteStatement& row) {
  const auto count = [&row](int column) { return static_cast<int>(row.Int(column)); };
  return {.node = row.Bytes(0),
          .role = row.Bytes(1),
          .state = row.Bytes(2),
          .outcome = row.Bytes(3),
          .code = row.Bytes(4),
          .message = row.Bytes(5),
          .sent_at = FromMillis(row.Int(6)),
          .elapsed = absl::Microseconds(row.Int(7)),
          .counts = {.ok = count(8),
                     .changed = count(9),
                     .would_change = count(10),
                     .failed = count(11),
                     .skipped = count(12)},
          .exit_code = count(13)};
}

}  // namespace

absl::StatusOr<std::unique_ptr<HistoryIndex>> HistoryIndex::Open(const Home& home) {
  absl::StatusOr<SqliteDatabase> database = OpenHistoryFile(home.path());
  if (!database.ok()) return database.status();
  return std::unique_ptr<HistoryIndex>(new HistoryIndex(home, *std::move(database)));
}

absl::Status HistoryIndex::Explain(const absl::Status& status) const {
  return ExplainHistoryError(status, home_.path());
}

absl::Status HistoryIndex::Put(const Run& run, int64_t log_bytes) {
  absl::StatusOr<SqliteTransaction> transaction = SqliteTransaction::Begin(database_);
  if (!transaction.ok()) return Explain(transaction.status());
  absl::Status status = PutRow(run, log_bytes);
  if (status.ok()) status = PutNodes(run);
  if (status.ok()) status = transaction->Commit();
  return Explain(status);
}

absl::Status HistoryIndex::PutRow(const Run& run, int64_t log_bytes) {
  absl::StatusOr<SqliteStatement> put = database_.Prepare(
      absl::StrCat("INSERT OR REPLACE INTO runs(", kRunColumns,
                   ", log_bytes) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15)")
          .c_str());
  if (!put.ok()) return put.status();
  return put->BindText(1, run.id)
      .BindText(2, run.verb)
      .BindText(3, run.mode)
      .BindInt(4, run.reset ? 1 : 0)
      .BindText(5, run.cluster)
      .BindText(6, run.operator_name)
      .BindText(7, run.reason)
      .BindText(8, absl::StrJoin(run.signers, ","))
      .BindBlob(9, run.command_sha256)
      .BindInt(10, Millis(run.issued_at))
      .BindInt(11, Millis(run.started_at))
      .BindInt(12, Millis(run.finished_at))
      .BindInt(13, run.exit_code)
      .BindInt(14, run.sendings)
      .BindInt(15, log_bytes)
      .Run();
}

absl::Status HistoryIndex::PutNodes(const Run& run) {
  absl::StatusOr<SqliteStatement> clear = database_.Prepare("DELETE FROM run_nodes WHERE id=?1");
  if (!clear.ok()) return clear.status();
  if (absl::Status status = clear->BindText(1, run.id).Run(); !status.ok()) return status;
  absl::StatusOr<SqliteStatement> put = database_.Prepare(
      "INSERT INTO run_nodes(id, position, node, role, state, outcome, code, message, sent_at,"
      "elapsed_micros, ok, changed, would_change, failed, skipped, exit_code)"
      "VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16)");
  if (!put.ok()) return put.status();
  for (size_t i = 0; i < run.nodes.size(); ++i) {
    const NodeRun& node = run.nodes[i];
    absl::Status status = put->Reset()
                              .BindText(1, run.id)
                              .BindInt(2, static_cast<int64_t>(i))
                              .BindText(3, node.node)
                              .BindText(4, node.role)
                              .BindText(5, node.state)
                              .BindText(6, node.outcome)
                              .BindText(7, node.code)
                              .BindText(8, node.message)
                              .BindInt(9, Millis(node.sent_at))
                              .BindInt(10, absl::ToInt64Microseconds(node.elapsed))
                              .BindInt(11, node.counts.ok)
                              .BindInt(12, node.counts.changed)
                              .BindInt(13, node.counts.would_change)
                              .BindInt(14, node.counts.failed)
                              .BindInt(15, node.counts.skipped)
                              .BindInt(16, node.exit_code)
                              .Run();
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::StatusOr<int> HistoryIndex::CatchUp() {
  std::map<std::string, int64_t> known;
  absl::StatusOr<SqliteStatement> ids = database_.Prepare("SELECT id, log_bytes FROM runs");
  if (!ids.ok()) return Explain(ids.status());
  absl::StatusOr<bool> row = ids->Step();
  for (; row.ok() && *row; row = ids->Step()) known[ids->Bytes(0)] = ids->Int(1);
  if (!row.ok()) return Explain(row.status());
  const KnownSigners signers(home_);
  int added = 0;
  absl::StatusOr<SqliteTransaction> transaction = SqliteTransaction::Begin(database_);
  if (!transaction.ok()) return Explain(transaction.status());
  for (const std::string& id : CommandIds(home_, "")) {
    const int64_t log_bytes = RunLogBytes(home_.CommandDirectory(id));
    const auto there = known.find(id);
    if (there != known.end() && there->second == log_bytes) continue;
    const Run run = ReadRun(home_, id, signers);
    absl::Status status = PutRow(run, log_bytes);
    if (status.ok()) status = PutNodes(run);
    if (!status.ok()) return Explain(status);
    ++added;
  }
  if (absl::Status status = transaction->Commit(); !status.ok()) return Explain(status);
  return added;
}

absl::StatusOr<std::vector<Run>> HistoryIndex::List(const HistoryFilter& filter) {
  absl::StatusOr<SqliteStatement> query = database_.Prepare(
      absl::StrCat("SELECT ", kRunColumns,
                   " FROM runs WHERE started_at>=?1 AND started_at<?2"
                   " AND (?3='' OR operator=?3 OR substr(operator,1,length(?3)+1)=?3||'@')"
                   " AND (?4='' OR mode=?4)"
                   " AND (?5='' OR verb=?5 OR substr(verb,1,length(?5)+1)=?5||' ')"
                   " AND (?6='' OR id IN (SELECT id FROM run_nodes WHERE node=?6))"
                   " ORDER BY started_at DESC, id DESC LIMIT ?7")
          .c_str());
  if (!query.ok()) return Explain(query.status());
  query->BindInt(1, absl::ToUnixMillis(filter.since))
      .BindInt(2, absl::ToUnixMillis(filter.until))
      .BindText(3, filter.operator_name)
      .BindText(4, filter.mode)
      .BindText(5, filter.verb)
      .BindText(6, filter.node)
      .BindInt(7, filter.limit > 0 ? filter.limit : -1);
  std::vector<Run> runs;
  absl::StatusOr<bool> row = query->Step();
  for (; row.ok() && *row; row = query->Step()) {
    runs.push_back(ReadRow(*query));
    if (absl::Status status = ReadNodes(&runs.back()); !status.ok()) return Explain(status);
  }
  if (!row.ok()) return Explain(row.status());
  return runs;
}

absl::Status HistoryIndex::ReadNodes(Run* run) {
  absl::StatusOr<SqliteStatement> query = database_.Prepare(
      "SELECT node, role, state, outcome, code, message, sent_at, elapsed_micros, ok, changed,"
      "would_change, failed, skipped, exit_code FROM run_nodes WHERE id=?1 ORDER BY position");
  if (!query.ok()) return query.status();
  query->BindText(1, run->id);
  absl::StatusOr<bool> row = query->Step();
  for (; row.ok() && *row; row = query->Step()) run->nodes.push_back(ReadNodeRow(*query));
  return row.status();
}

absl::StatusOr<int> RebuildHistory(const Home& home) {
  if (absl::Status status = PutHistoryFileAside(home.path()); !status.ok()) return status;
  absl::StatusOr<std::unique_ptr<HistoryIndex>> history = HistoryIndex::Open(home);
  if (!history.ok()) return history.status();
  return (*history)->CatchUp();
}

}  // namespace bpa::controller
