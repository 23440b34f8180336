// The journal's file: where it is, how it is made, and whether it may be used.
#ifndef BPA_AGENT_EXECUTOR_JOURNAL_FILE_H_
#define BPA_AGENT_EXECUTOR_JOURNAL_FILE_H_

#include <string>

#include "absl/status/statusor.h"
#include "proto/sqlite.h"

namespace bpa::executor {

// As Journal::Open says. A new file is made whole under another name first, so journal.db itself
// is never empty or half-made: where it is, it has been truncated or damaged. An older version's
// file is brought to this one.
absl::StatusOr<SqliteDatabase> OpenJournalFile(const std::string& directory);

// Adds to the status of a damaged journal what to do about it; leaves others as they are.
absl::Status ExplainDamage(const absl::Status& status);

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_JOURNAL_FILE_H_
