// Writes down one sending of a command while it happens.
#ifndef BPA_CONTROLLER_HISTORY_RECORDER_H_
#define BPA_CONTROLLER_HISTORY_RECORDER_H_

#include <future>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "controller/fleet.h"
#include "controller/history/history_index.h"
#include "controller/history/run_log.h"
#include "controller/home.h"

namespace bpa::controller {

// The log is the record: it is written before anything is sent and as each node ends, so that a
// bpactl that is killed leaves what it knew. The database is brought up to date at both ends, the
// first time on a thread beside the sending; where it cannot be used, the command goes on without
// it, because it can be made again from the log.
class Recorder {
 public:
  explicit Recorder(Home home) : home_(std::move(home)) {}

  // Keeps the signed command, durably, and notes that `verb` has begun. When it fails, nothing may
  // be sent: ResourceExhausted, for one, when the disk is full. Starts a thread, if there is one
  // to be had, which Finish and the destructor wait for.
  absl::Status Begin(const std::string& id, std::string_view envelope, const std::string& verb);
  // `observer` and this. Valid as long as this object.
  FleetObserver Watch(FleetObserver observer);
  // Durable. OK also when the database could not be used; see warning().
  absl::Status Finish(int exit_code);

  // What the operator should know though nothing was hindered; empty: nothing.
  const std::string& warning() const { return warning_; }

 private:
  struct Index {
    std::unique_ptr<HistoryIndex> history;
    absl::Status status;
  };

  void Append(const RunEvent& event);
  static Index OpenIndex(const Home& home, const Run& run, int64_t log_bytes);
  absl::Status PutInIndex();

  Home home_;
  std::string id_;
  std::optional<RunLog> log_;
  Run run_;
  std::future<Index> index_;  // until Finish
  absl::Status log_status_;
  std::map<std::string, absl::Time> sent_at_;
  std::string warning_;
};

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_HISTORY_RECORDER_H_
