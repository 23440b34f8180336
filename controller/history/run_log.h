// commands/<id>/run.jsonl: what happened to one command, a line of JSON per event, only ever
// appended to. The history's database is an index of these files and of the signed ones beside
// them: whatever happens to it, nothing is lost with it.
//
//   {"event": "began",    "at", "verb", "bpactl"}
//   {"event": "sent",     "at", "node"}
//   {"event": "ended",    "at", "node", "state", "outcome", "code", "message", "sent_at",
//                         "elapsed_seconds", "exit_code",
//                         "counts": {"ok", "changed", "would_change", "failed", "skipped"}}
//   {"event": "finished", "at", "exit_code"}
//
// Times are in RFC 3339, UTC. About 150 bytes, and 350 for each node.
#ifndef BPA_CONTROLLER_HISTORY_RUN_LOG_H_
#define BPA_CONTROLLER_HISTORY_RUN_LOG_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controller/history/run.h"

namespace bpa::controller {

std::string EncodeRunEvent(const RunEvent& event);
// InvalidArgument when `line` is no such event; keys that this version does not know are passed
// over.
absl::StatusOr<RunEvent> DecodeRunEvent(std::string_view line);

// Appends to one file. What was appended outlives this process at once, and a power cut after Sync.
class RunLog {
 public:
  // Makes the file where there is none. `directory` must exist.
  static absl::StatusOr<RunLog> Open(const std::string& directory);
  RunLog(RunLog&& other) noexcept;
  RunLog& operator=(RunLog&&) = delete;
  ~RunLog();

  // ResourceExhausted or the like when there is no room. What is written of a line
  // then is passed over by ReadRunLog.
  absl::Status Append(const RunEvent& event);
  absl::Status Sync();

 private:
  RunLog(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}

  std::string path_;
  int fd_;
  bool torn_ = false;  // the file does not end with a line's end
};

struct RunEvents {
  std::vector<RunEvent> events;
  // Lines that are no events, by number and reason. A line without its end is not among them: that
  // is what a kill or a full disk leaves of a write.
  std::vector<std::string> damaged;
};

// NotFound when this command has no such file: it is of a bpactl that had none.
absl::StatusOr<RunEvents> ReadRunLog(const std::string& directory);

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_HISTORY_RUN_LOG_H_
