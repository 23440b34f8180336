// The journal's file: where it is, how it is made, and whether it may be used.
#ifndef BPA_AGENT_EXECUTOR_JOURNAL_FILE_H_
#define BPA_AGENT_EXECUTOR_JOURNAL_FILE_H_

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/sqlite.h"

namespace bpa::executor {

// The file that was opened, so that it can be told from another of the same name.
struct JournalPlace {
  std::string path;
  dev_t device = 0;
  ino_t inode = 0;
};

struct JournalFile {
  JournalPlace place;
  SqliteDatabase database;
};

// As Journal::Open says. A new file is made whole under another name first, so journal.db itself
// is never empty or half-made: where it is, it has been truncated or damaged. An older version's
// file is brought to this one.
absl::StatusOr<JournalFile> OpenJournalFile(const std::string& directory);

// DataLoss when `place` holds no longer the file that `database` writes to: whatever is written
// goes with this process. What it held is then saved beside it as journal.db.rescued, and
// OpenJournalFile makes no new one as long as that is there.
absl::Status CheckStillThere(const JournalPlace& place, SqliteDatabase& database);

// Of the file and its log.
uint64_t FileBytes(const JournalPlace& place);

// Adds to the status of a damaged journal what to do about it; leaves others as they are.
absl::Status ExplainDamage(const absl::Status& status);

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_JOURNAL_FILE_H_
