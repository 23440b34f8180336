#include "proto/sqlite.h"

#include <sqlite3.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"

namespace bpa {
namespace {

absl::StatusCode CodeOf(sqlite3* database) {
  switch (sqlite3_errcode(database) & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return absl::StatusCode::kDataLoss;
    case SQLITE_FULL:
      return absl::StatusCode::kResourceExhausted;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return absl::StatusCode::kUnavailable;
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return absl::StatusCode::kFailedPrecondition;
    case SQLITE_IOERR: {
      const int error = sqlite3_system_errno(database);
      return error == ENOSPC || error == EDQUOT ? absl::StatusCode::kResourceExhausted
                                                : absl::StatusCode::kInternal;
    }
    default:
      return absl::StatusCode::kInternal;
  }
}

absl::Status LastError(sqlite3* database) {
  const char* path = sqlite3_db_filename(database, "main");
  const absl::StatusCode code = CodeOf(database);
  const char* remedy = code == absl::StatusCode::kResourceExhausted
                           ? "; make room on the filesystem that holds it, then run again"
                           : "";
  return absl::Status(code, absl::StrCat(path == nullptr ? "database" : path, ": ",
                                         sqlite3_errmsg(database), remedy));
}

}  // namespace

void SqliteStatement::Finalize::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

SqliteStatement::SqliteStatement(sqlite3* database,
                                 std::unique_ptr<sqlite3_stmt, Finalize> statement)
    : database_(database), statement_(std::move(statement)) {}

// A bind fails only for want of memory or a wrong number; the step that follows then reports an
// unbound NULL through the NOT NULL of every column.
SqliteStatement& SqliteStatement::BindInt(int parameter, int64_t value) {
  sqlite3_bind_int64(statement_.get(), parameter, value);
  return *this;
}

SqliteStatement& SqliteStatement::BindText(int parameter, std::string_view value) {
  sqlite3_bind_text64(statement_.get(), parameter, value.data(), value.size(), SQLITE_TRANSIENT,
                      SQLITE_UTF8);
  return *this;
}

SqliteStatement& SqliteStatement::BindBlob(int parameter, std::string_view value) {
  sqlite3_bind_blob64(statement_.get(), parameter, value.data(), value.size(), SQLITE_TRANSIENT);
  return *this;
}

absl::StatusOr<bool> SqliteStatement::Step() {
  const int result = sqlite3_step(statement_.get());
  if (result == SQLITE_ROW) return true;
  if (result == SQLITE_DONE) return false;
  return LastError(database_);
}

absl::Status SqliteStatement::Run() { return Step().status(); }

// What a reset returns is what the last step said already.
SqliteStatement& SqliteStatement::Reset() {
  sqlite3_reset(statement_.get());
  sqlite3_clear_bindings(statement_.get());
  return *this;
}

int64_t SqliteStatement::Int(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

std::string SqliteStatement::Bytes(int column) const {
  const void* data = sqlite3_column_blob(statement_.get(), column);
  const int size = sqlite3_column_bytes(statement_.get(), column);
  return data == nullptr ? std::string()
                         : std::string(static_cast<const char*>(data), static_cast<size_t>(size));
}

bool SqliteStatement::IsNull(int column) const {
  return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}

void SqliteDatabase::Close::operator()(sqlite3* database) const { sqlite3_close_v2(database); }

SqliteDatabase::SqliteDatabase(std::unique_ptr<sqlite3, Close> database)
    : database_(std::move(database)) {}

absl::StatusOr<SqliteDatabase> SqliteDatabase::Open(const std::string& path) {
  sqlite3* handle = nullptr;
  // NOMUTEX: one thread at a time; NOFOLLOW: root opens no file through a link.
  const int result =
      sqlite3_open_v2(path.c_str(), &handle,
                      SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW, nullptr);
  std::unique_ptr<sqlite3, Close> database(handle);
  if (handle == nullptr) return absl::ResourceExhaustedError("sqlite3_open_v2: out of memory");
  if (result != SQLITE_OK) {
    return absl::Status(CodeOf(handle), absl::StrCat(path, ": ", sqlite3_errmsg(handle)));
  }
  sqlite3_extended_result_codes(handle, 1);
  return SqliteDatabase(std::move(database));
}

// Fails only for an option that SQLite does not know.
void SqliteDatabase::KeepLogWhenClosed() {
  sqlite3_db_config(database_.get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
}

absl::Status SqliteDatabase::Execute(const char* statements) {
  if (sqlite3_exec(database_.get(), statements, nullptr, nullptr, nullptr) == SQLITE_OK) {
    return absl::OkStatus();
  }
  return LastError(database_.get());
}

absl::StatusOr<SqliteStatement> SqliteDatabase::Prepare(const char* statement) {
  sqlite3_stmt* prepared = nullptr;
  if (sqlite3_prepare_v2(database_.get(), statement, -1, &prepared, nullptr) != SQLITE_OK) {
    return LastError(database_.get());
  }
  return SqliteStatement(database_.get(),
                         std::unique_ptr<sqlite3_stmt, SqliteStatement::Finalize>(prepared));
}

absl::StatusOr<int64_t> SqliteDatabase::QueryInt(const char* statement) {
  absl::StatusOr<SqliteStatement> query = Prepare(statement);
  if (!query.ok()) return query.status();
  absl::StatusOr<bool> row = query->Step();
  if (!row.ok()) return row.status();
  if (!*row) return absl::InternalError(absl::StrCat("no row: ", statement));
  return query->Int(0);
}

absl::StatusOr<SqliteTransaction> SqliteTransaction::Begin(SqliteDatabase& database) {
  if (absl::Status s = database.Execute("BEGIN IMMEDIATE"); !s.ok()) return s;
  return SqliteTransaction(database);
}

SqliteTransaction::SqliteTransaction(SqliteTransaction&& other) noexcept
    : database_(std::exchange(other.database_, nullptr)) {}

SqliteTransaction::~SqliteTransaction() {
  // Fails only where SQLite has rolled back by itself.
  if (database_ != nullptr) (void)database_->Execute("ROLLBACK");
}

absl::Status SqliteTransaction::Commit() {
  absl::Status status = database_->Execute("COMMIT");
  if (status.ok()) database_ = nullptr;
  return status;
}

}  // namespace bpa
