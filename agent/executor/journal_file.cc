#include "agent/executor/journal_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <iterator>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "proto/trusted_file.h"

namespace bpa::executor {
namespace {

constexpr int64_t kVersion = 3;
// "bpaj": tells a journal from any other SQLite file.
constexpr int64_t kApplicationId = 0x6270616a;

constexpr char kSchema[] = R"(
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  BEGIN;
  CREATE TABLE commands (
    id TEXT PRIMARY KEY NOT NULL,
    payload_sha256 BLOB NOT NULL,
    mode INTEGER NOT NULL,
    operator TEXT NOT NULL,
    signers TEXT NOT NULL,
    accepted_at INTEGER NOT NULL,
    replayable_until INTEGER NOT NULL,
    report BLOB
  ) STRICT;
  CREATE INDEX commands_by_age ON commands (accepted_at);
  CREATE TABLE steps (
    command TEXT NOT NULL,
    position INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    name TEXT NOT NULL,
    status INTEGER NOT NULL,
    message TEXT NOT NULL,
    PRIMARY KEY (command, position)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE format_intents (
    disk TEXT PRIMARY KEY NOT NULL,
    size_bytes INTEGER NOT NULL,
    filesystem TEXT NOT NULL,
    uuid TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE resets (
    command TEXT NOT NULL,
    path TEXT NOT NULL,
    PRIMARY KEY (command, path)
  ) STRICT, WITHOUT ROWID;
  PRAGMA application_id = 0x6270616a;
  PRAGMA user_version = 1;
  COMMIT;
)";

// From each version to the next, in one transaction each. An agent that goes back to an older
// release refuses the newer file by name.
constexpr const char* kUpgrades[] = {
    // 2: the audit record. audit_state has at most one row; audit_refusals has what is counted and
    // has no entry yet.
    R"(
  BEGIN IMMEDIATE;
  CREATE TABLE audit (
    sequence INTEGER PRIMARY KEY NOT NULL,
    record BLOB NOT NULL,
    chain BLOB NOT NULL
  ) STRICT;
  CREATE TABLE audit_state (
    only_one INTEGER PRIMARY KEY CHECK (only_one = 1),
    head INTEGER NOT NULL,
    head_chain BLOB NOT NULL,
    before_first INTEGER NOT NULL,
    before_first_chain BLOB NOT NULL,
    bytes INTEGER NOT NULL,
    hour_began_at INTEGER NOT NULL,
    refusals INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE audit_refusals (
    reason INTEGER PRIMARY KEY NOT NULL,
    refusals INTEGER NOT NULL,
    first_at INTEGER NOT NULL,
    last BLOB NOT NULL
  ) STRICT;
  PRAGMA user_version = 2;
  COMMIT;
)",
    // 3: what the last APPLY wanted of this node; at most one row.
    R"(
  BEGIN IMMEDIATE;
  CREATE TABLE applied (
    only_one INTEGER PRIMARY KEY CHECK (only_one = 1),
    command TEXT NOT NULL,
    operator TEXT NOT NULL,
    at INTEGER NOT NULL,
    outcome INTEGER NOT NULL,
    role BLOB NOT NULL,
    target BLOB NOT NULL
  ) STRICT;
  PRAGMA user_version = 3;
  COMMIT;
)",
};
static_assert(std::size(kUpgrades) == kVersion - 1);

// EXCLUSIVE keeps two executors apart and needs no shared memory. The cache is small: the executor
// has 24 MiB for everything.
constexpr char kConnection[] = R"(
  PRAGMA busy_timeout = 5000;
  PRAGMA locking_mode = EXCLUSIVE;
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  PRAGMA cache_size = -512;
  PRAGMA journal_size_limit = 4194304;
  PRAGMA trusted_schema = OFF;
  PRAGMA cell_size_check = ON;
)";

constexpr char kRescuedSuffix[] = ".rescued";
constexpr char kHowToRestore[] =
    "What it held was saved: systemctl stop bpa-executor.socket bpa-executor && mv ";

absl::Status MakeDirectory(const std::string& directory) {
  if (mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
    return ErrnoStatus(errno, "mkdir", directory);
  }
  const int fd = open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return ErrnoStatus(errno, "open", directory);
  const auto close_fd = absl::MakeCleanup([fd] { close(fd); });
  struct stat info;
  if (fstat(fd, &info) != 0) return ErrnoStatus(errno, "fstat", directory);
  if (info.st_uid != geteuid()) {
    return absl::FailedPreconditionError(absl::StrFormat(
        "%s: owned by uid %d: chown %d %s", directory, info.st_uid, geteuid(), directory));
  }
  if ((info.st_mode & 07777) != 0700 && fchmod(fd, 0700) != 0) {
    return ErrnoStatus(errno, "fchmod", directory);
  }
  return absl::OkStatus();
}

absl::Status SyncDirectory(const std::string& directory) {
  const int fd = open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return ErrnoStatus(errno, "open", directory);
  const auto close_fd = absl::MakeCleanup([fd] { close(fd); });
  if (fsync(fd) != 0) return ErrnoStatus(errno, "fsync", directory);
  return absl::OkStatus();
}

absl::Status Upgrade(SqliteDatabase& database, int64_t from) {
  for (int64_t version = from; version < kVersion; ++version) {
    if (absl::Status s = database.Execute(kUpgrades[version - 1]); !s.ok()) return s;
  }
  return absl::OkStatus();
}

absl::Status Create(const std::string& directory, const std::string& path) {
  const std::string fresh = absl::StrCat(path, ".new");
  // What a crash in the middle of this function left.
  for (const char* suffix : {"", "-wal", "-shm", "-journal"}) {
    if (unlink(absl::StrCat(fresh, suffix).c_str()) != 0 && errno != ENOENT) {
      return ErrnoStatus(errno, "unlink", absl::StrCat(fresh, suffix));
    }
  }
  // SQLite gives its side files the mode of this one.
  const int fd = open(fresh.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return ErrnoStatus(errno, "open", fresh);
  close(fd);
  {
    absl::StatusOr<SqliteDatabase> database = SqliteDatabase::Open(fresh);
    if (!database.ok()) return database.status();
    if (absl::Status s = database->Execute(kSchema); !s.ok()) return s;
    if (absl::Status s = Upgrade(*database, 1); !s.ok()) return s;
  }  // Closing moves everything from the side files into the file.
  if (rename(fresh.c_str(), path.c_str()) != 0) return ErrnoStatus(errno, "rename", fresh);
  return SyncDirectory(directory);
}

// Writes everything that `database` holds to a new file.
absl::Status SaveTo(const std::string& path, SqliteDatabase& database) {
  const std::string half = absl::StrCat(path, ".new");
  if (unlink(half.c_str()) != 0 && errno != ENOENT) return ErrnoStatus(errno, "unlink", half);
  const int fd = open(half.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return ErrnoStatus(errno, "open", half);
  const auto close_fd = absl::MakeCleanup([fd] { close(fd); });
  absl::StatusOr<SqliteStatement> vacuum = database.Prepare("VACUUM INTO ?");
  if (!vacuum.ok()) return vacuum.status();
  if (absl::Status s = vacuum->BindText(1, half).Run(); !s.ok()) return s;
  if (fsync(fd) != 0) return ErrnoStatus(errno, "fsync", half);
  if (rename(half.c_str(), path.c_str()) != 0) return ErrnoStatus(errno, "rename", half);
  return SyncDirectory(path.substr(0, path.rfind('/')));
}

// Makes the file if it has never been there.
absl::Status EnsureFile(const std::string& directory, const std::string& path) {
  struct stat info;
  if (lstat(path.c_str(), &info) == 0) {
    if (S_ISREG(info.st_mode) && info.st_size > 0) return absl::OkStatus();
    return absl::DataLossError(
        absl::StrCat(path, S_ISREG(info.st_mode) ? ": empty" : ": not a regular file"));
  }
  if (errno != ENOENT) return ErrnoStatus(errno, "lstat", path);
  const std::string rescued = absl::StrCat(path, kRescuedSuffix);
  if (lstat(rescued.c_str(), &info) == 0) {
    return absl::DataLossError(absl::StrCat(path, ": gone. ", kHowToRestore, rescued, " ", path));
  }
  if (lstat(absl::StrCat(path, "-wal").c_str(), &info) == 0) {
    return absl::DataLossError(absl::StrCat(path, ": gone, though its log is still there"));
  }
  return Create(directory, path);
}

// Also brings an older version's journal to this one.
absl::Status CheckVersion(SqliteDatabase& database, const std::string& path) {
  absl::StatusOr<int64_t> application = database.QueryInt("PRAGMA application_id");
  if (!application.ok()) return application.status();
  if (*application != kApplicationId) {
    return absl::DataLossError(absl::StrCat(path, ": not a bpa-executor journal"));
  }
  absl::StatusOr<int64_t> version = database.QueryInt("PRAGMA user_version");
  if (!version.ok()) return version.status();
  if (*version > kVersion) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, ": written by a newer agent (journal version ", *version,
                     "; this one knows ", kVersion, "): install that agent again"));
  }
  if (*version < 1) return absl::DataLossError(absl::StrCat(path, ": without a version"));
  return Upgrade(database, *version);
}

absl::StatusOr<SqliteDatabase> OpenAndCheck(const std::string& path) {
  absl::StatusOr<SqliteDatabase> database = SqliteDatabase::Open(path);
  if (!database.ok()) return database;
  if (absl::Status s = database->Execute(kConnection); !s.ok()) return s;
  if (absl::Status s = CheckVersion(*database, path); !s.ok()) return s;
  for (const char* query :
       {"SELECT count(*) FROM commands", "SELECT count(*) FROM steps",
        "SELECT count(*) FROM format_intents", "SELECT count(*) FROM resets",
        "SELECT count(*) FROM audit_state", "SELECT count(*) FROM audit_refusals",
        "SELECT max(sequence) FROM audit", "SELECT count(*) FROM applied"}) {
    if (absl::Status s = database->QueryInt(query).status(); !s.ok()) return s;
  }
  return database;
}

}  // namespace

absl::StatusOr<JournalFile> OpenJournalFile(const std::string& directory) {
  const std::string path = absl::StrCat(directory, "/journal.db");
  absl::Status status = MakeDirectory(directory);
  if (status.ok()) status = EnsureFile(directory, path);
  if (!status.ok()) return ExplainDamage(status);
  absl::StatusOr<SqliteDatabase> database = OpenAndCheck(path);
  if (absl::IsUnavailable(database.status())) {
    return absl::UnavailableError(absl::StrCat(
        path, ": another bpa-executor has it open: wait until that has left, or stop it"));
  }
  if (!database.ok()) return ExplainDamage(database.status());
  struct stat info;
  if (lstat(path.c_str(), &info) != 0) return ErrnoStatus(errno, "lstat", path);
  return JournalFile{.place = {.path = path, .device = info.st_dev, .inode = info.st_ino},
                     .database = *std::move(database)};
}

absl::Status CheckStillThere(const JournalPlace& place, SqliteDatabase& database) {
  struct stat info;
  if (lstat(place.path.c_str(), &info) == 0 && info.st_dev == place.device &&
      info.st_ino == place.inode) {
    return absl::OkStatus();
  }
  const std::string rescued = absl::StrCat(place.path, kRescuedSuffix);
  // Each time: what is there may be left of an earlier accident.
  const absl::Status saved = SaveTo(rescued, database);
  // It would be taken for the log of whatever is put in the file's place.
  if (saved.ok()) unlink(absl::StrCat(place.path, "-wal").c_str());
  const std::string what =
      absl::StrCat(place.path, " was deleted or replaced while bpa-executor runs");
  if (!saved.ok()) {
    return absl::DataLossError(
        absl::StrCat(what, ", and what it held could not be saved: ", saved.message(),
                     ": make room, keep bpa-executor running, and send the command again"));
  }
  return absl::DataLossError(absl::StrCat(what, ": nothing is accepted until it is back. ",
                                          kHowToRestore, rescued, " ", place.path));
}

uint64_t FileBytes(const JournalPlace& place) {
  uint64_t bytes = 0;
  for (const char* suffix : {"", "-wal"}) {
    struct stat info;
    if (lstat(absl::StrCat(place.path, suffix).c_str(), &info) == 0) {
      bytes += static_cast<uint64_t>(info.st_size);
    }
  }
  return bytes;
}

absl::Status ExplainDamage(const absl::Status& status) {
  if (!absl::IsDataLoss(status)) return status;
  return absl::DataLossError(absl::StrCat(
      "the journal is damaged: ", status.message(),
      ". It is what keeps commands from being carried out twice, so it is not made anew by itself: "
      "restore it from a backup, or wait until every signed command has expired and move it away "
      "(with its -wal file)"));
}

}  // namespace bpa::executor
