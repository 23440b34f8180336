#include "controller/history/index_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/trusted_file.h"

namespace bpa::controller {
namespace {

constexpr int64_t kVersion = 1;
// "bpah": tells a history from any other SQLite file.
constexpr int64_t kApplicationId = 0x62706168;

// NORMAL: a power cut may cost the newest rows, never the database; what it cost is added again
// from commands/.
constexpr char kConnection[] = R"(
  PRAGMA busy_timeout = 5000;
  PRAGMA synchronous = NORMAL;
  PRAGMA trusted_schema = OFF;
  PRAGMA cell_size_check = ON;
)";

constexpr char kSchema[] = R"(
  CREATE TABLE runs (
    id TEXT PRIMARY KEY NOT NULL,
    verb TEXT NOT NULL,
    mode TEXT NOT NULL,
    reset INTEGER NOT NULL,
    cluster TEXT NOT NULL,
    operator TEXT NOT NULL,
    reason TEXT NOT NULL,
    signers TEXT NOT NULL,
    command_sha256 BLOB NOT NULL,
    issued_at INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    finished_at INTEGER NOT NULL,
    exit_code INTEGER NOT NULL,
    sendings INTEGER NOT NULL,
    log_bytes INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX runs_by_age ON runs (started_at);
  CREATE TABLE run_nodes (
    id TEXT NOT NULL,
    position INTEGER NOT NULL,
    node TEXT NOT NULL,
    role TEXT NOT NULL,
    state TEXT NOT NULL,
    outcome TEXT NOT NULL,
    code TEXT NOT NULL,
    message TEXT NOT NULL,
    sent_at INTEGER NOT NULL,
    elapsed_micros INTEGER NOT NULL,
    ok INTEGER NOT NULL,
    changed INTEGER NOT NULL,
    would_change INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    skipped INTEGER NOT NULL,
    exit_code INTEGER NOT NULL,
    PRIMARY KEY (id, position)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX run_nodes_by_node ON run_nodes (node, id);
  PRAGMA application_id = 0x62706168;
  PRAGMA user_version = 1;
)";

std::string FilePath(const std::string& home) { return home + "/history.db"; }

absl::StatusOr<int64_t> Version(SqliteDatabase& database) {
  absl::StatusOr<int64_t> version = database.QueryInt("PRAGMA user_version");
  if (!version.ok() || *version == 0) return version;
  absl::StatusOr<int64_t> application = database.QueryInt("PRAGMA application_id");
  if (!application.ok()) return application;
  if (*application != kApplicationId) {
    return absl::DataLossError("history.db is a database of something else");
  }
  if (*version > kVersion) {
    return absl::FailedPreconditionError(
        absl::StrCat("history.db was written by a newer bpactl (version ", *version,
                     "; this one knows ", kVersion, "): use that one"));
  }
  return version;
}

// Two may do this at once: the second finds it done.
absl::Status MakeTables(SqliteDatabase& database) {
  absl::StatusOr<SqliteTransaction> transaction = SqliteTransaction::Begin(database);
  if (!transaction.ok()) return transaction.status();
  absl::StatusOr<int64_t> version = Version(database);
  if (!version.ok()) return version.status();
  if (*version == kVersion) return absl::OkStatus();
  if (absl::Status status = database.Execute(kSchema); !status.ok()) return status;
  return transaction->Commit();
}

absl::StatusOr<SqliteDatabase> OpenAndCheck(const std::string& path) {
  // Not opened where it is there: closing a descriptor of it would drop all locks of this process.
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0 && errno != EEXIST) return ErrnoStatus(errno, "open", path);
  if (fd >= 0) close(fd);
  absl::StatusOr<SqliteDatabase> database = SqliteDatabase::Open(path);
  if (!database.ok()) return database;
  database->KeepLogWhenClosed();
  if (absl::Status status = database->Execute(kConnection); !status.ok()) return status;
  // Before anything is written, also by a change of the journal's mode.
  absl::StatusOr<int64_t> version = Version(*database);
  if (!version.ok()) return version.status();
  if (*version == kVersion) return database;
  absl::Status status = database->Execute("PRAGMA journal_mode = WAL");
  if (status.ok()) status = MakeTables(*database);
  if (!status.ok()) return status;
  return database;
}

}  // namespace

absl::StatusOr<SqliteDatabase> OpenHistoryFile(const std::string& home) {
  absl::StatusOr<SqliteDatabase> database = OpenAndCheck(FilePath(home));
  if (!database.ok()) return ExplainHistoryError(database.status(), home);
  return database;
}

absl::Status ExplainHistoryError(const absl::Status& status, const std::string& home) {
  if (status.ok()) return status;
  const auto explained = [&](const char* what, const std::string& remedy) {
    return absl::Status(status.code(), absl::StrCat(what, status.message(), ". ", remedy));
  };
  const std::string rebuild =
      "`bpactl history --rebuild` makes it anew from commands/, which holds all that it says";
  if (absl::IsDataLoss(status)) return explained("the history's index is damaged: ", rebuild);
  if (absl::IsUnavailable(status)) {
    return explained("another bpactl holds the history's index: ",
                     "What it lacks is added when it is read next");
  }
  if (absl::IsResourceExhausted(status)) {
    return explained("there is no room for the history: ",
                     absl::StrCat("Make room on the filesystem of ", home));
  }
  return explained("the history's index cannot be used: ", rebuild);
}

absl::Status PutHistoryFileAside(const std::string& home) {
  const std::string path = FilePath(home);
  // The log belongs to its database: it goes first, so that no other is ever read with it.
  for (const char* suffix : {"-wal", "-shm", ""}) {
    const std::string from = path + suffix;
    const std::string to = absl::StrCat(path, ".old", suffix);
    if (unlink(to.c_str()) != 0 && errno != ENOENT) return ErrnoStatus(errno, "unlink", to);
    if (std::rename(from.c_str(), to.c_str()) != 0 && errno != ENOENT) {
      return ErrnoStatus(errno, "rename", from);
    }
  }
  return absl::OkStatus();
}

}  // namespace bpa::controller
