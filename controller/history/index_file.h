// The file of the history's database: making, checking, putting aside.
#ifndef BPA_CONTROLLER_HISTORY_INDEX_FILE_H_
#define BPA_CONTROLLER_HISTORY_INDEX_FILE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/sqlite.h"

namespace bpa::controller {

// Opens <home>/history.db, and makes it where there is none. Errors as HistoryIndex::Open.
absl::StatusOr<SqliteDatabase> OpenHistoryFile(const std::string& home);

// An error of the database with what to do about it.
absl::Status ExplainHistoryError(const absl::Status& status, const std::string& home);

// Renames the database, if there is one, to history.db.old, in place of what was there.
absl::Status PutHistoryFileAside(const std::string& home);

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_HISTORY_INDEX_FILE_H_
