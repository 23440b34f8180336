// <home>/history.db: an index of commands/, so that thousands of commands are found in a moment.
//
// Everything in it can be made again from commands/<id>/ (run_log.h and the signed files), so a
// verb that cannot write it warns and goes on, and whoever reads it first adds what it lacks. An
// entry takes about 400 bytes, and 300 for each node; nothing is ever removed.
#ifndef BPA_CONTROLLER_HISTORY_HISTORY_INDEX_H_
#define BPA_CONTROLLER_HISTORY_HISTORY_INDEX_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "controller/history/run.h"
#include "controller/home.h"
#include "proto/sqlite.h"

namespace bpa::controller {

struct HistoryFilter {
  absl::Time since = absl::InfinitePast();    // of the beginning; included
  absl::Time until = absl::InfiniteFuture();  // not included
  std::string node;
  std::string operator_name;  // whole, or what is before its '@'
  std::string mode;
  std::string verb;  // with or without what follows its first word
  int limit = 0;     // 0: all
};

// Several bpactl may have it open. For one thread.
class HistoryIndex {
 public:
  // Makes the database where there is none. DataLoss when it is damaged, FailedPrecondition when a
  // newer bpactl has written it, ResourceExhausted when there is no room, Unavailable when another
  // bpactl holds it for too long; the message says what to do.
  static absl::StatusOr<std::unique_ptr<HistoryIndex>> Open(const Home& home);

  // Adds the run or replaces what was known of it. `log_bytes` tells when its log has grown since.
  absl::Status Put(const Run& run, int64_t log_bytes);
  // Adds what commands/ has and this lacks. Returns how many were added or brought up to date.
  absl::StatusOr<int> CatchUp();
  // Newest first.
  absl::StatusOr<std::vector<Run>> List(const HistoryFilter& filter);

 private:
  HistoryIndex(Home home, SqliteDatabase database)
      : home_(std::move(home)), database_(std::move(database)) {}
  absl::Status PutRow(const Run& run, int64_t log_bytes);
  absl::Status PutNodes(const Run& run);
  absl::Status ReadNodes(Run* run);
  absl::Status Explain(const absl::Status& status) const;

  Home home_;
  SqliteDatabase database_;
};

// Puts the database aside as history.db.old and makes it anew from commands/. Returns how many
// commands that has.
absl::StatusOr<int> RebuildHistory(const Home& home);

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_HISTORY_HISTORY_INDEX_H_
