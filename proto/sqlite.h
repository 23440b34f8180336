// SQLite as statuses and scopes; nothing of what is kept in it.
#ifndef BPA_PROTO_SQLITE_H_
#define BPA_PROTO_SQLITE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

struct sqlite3;
struct sqlite3_stmt;

namespace bpa {

// Codes of all failures here: DataLoss (the file is damaged or no database), ResourceExhausted
// (disk full), Unavailable (another process has it open), FailedPrecondition (cannot be opened or
// written), Internal (anything else). Messages name the file and SQLite's own words.

// One prepared statement. Parameters are numbered from 1, columns from 0. Must not outlive its
// database.
class SqliteStatement {
 public:
  SqliteStatement& BindInt(int parameter, int64_t value);
  SqliteStatement& BindText(int parameter, std::string_view value);
  SqliteStatement& BindBlob(int parameter, std::string_view value);

  // True when there is a row, false when done.
  absl::StatusOr<bool> Step();
  // For statements without rows.
  absl::Status Run();
  // Ready to be run again, with new parameters.
  SqliteStatement& Reset();

  int64_t Int(int column) const;
  // Text or blob.
  std::string Bytes(int column) const;
  bool IsNull(int column) const;

 private:
  friend class SqliteDatabase;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  SqliteStatement(sqlite3* database, std::unique_ptr<sqlite3_stmt, Finalize> statement);

  sqlite3* database_;
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

// One connection, for one thread at a time.
class SqliteDatabase {
 public:
  // The file must exist.
  static absl::StatusOr<SqliteDatabase> Open(const std::string& path);

  // In WAL mode, what was written last stays in the log when this is closed, where the next to open
  // finds it: closing then waits for no disk.
  void KeepLogWhenClosed();

  // Statements without parameters or rows of interest, separated by `;`.
  absl::Status Execute(const char* statements);
  absl::StatusOr<SqliteStatement> Prepare(const char* statement);
  // The first column of the first row; Internal if there is none.
  absl::StatusOr<int64_t> QueryInt(const char* statement);

 private:
  struct Close {
    void operator()(sqlite3* database) const;
  };
  explicit SqliteDatabase(std::unique_ptr<sqlite3, Close> database);

  std::unique_ptr<sqlite3, Close> database_;
};

// Takes the write lock, and rolls back when it goes out of scope without Commit.
class SqliteTransaction {
 public:
  static absl::StatusOr<SqliteTransaction> Begin(SqliteDatabase& database);
  SqliteTransaction(SqliteTransaction&& other) noexcept;
  SqliteTransaction& operator=(SqliteTransaction&&) = delete;
  ~SqliteTransaction();

  // Durable when it returns OK.
  absl::Status Commit();

 private:
  explicit SqliteTransaction(SqliteDatabase& database) : database_(&database) {}

  SqliteDatabase* database_;  // null once it has ended
};

}  // namespace bpa

#endif  // BPA_PROTO_SQLITE_H_
