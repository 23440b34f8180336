#include "controller/history/recorder.h"

#include <future>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "controller/history/evidence.h"

namespace bpa::controller {

absl::Status Recorder::Begin(const std::string& id, std::string_view envelope,
                             const std::string& verb) {
  id_ = id;
  absl::StatusOr<std::string> directory = home_.MakeCommandDirectory(id);
  if (!directory.ok()) return directory.status();
  absl::StatusOr<RunLog> log = RunLog::Open(*directory);
  if (!log.ok()) return log.status();
  log_.emplace(*std::move(log));
  const RunEvent began{.kind = RunEvent::Kind::kBegan, .at = absl::Now(), .verb = verb};
  if (absl::Status status = log_->Append(began); !status.ok()) return status;
  // Syncs the directory, and the log's name with it.
  if (absl::Status status = home_.SaveCommand(id, envelope); !status.ok()) return status;
  run_ = ReadRun(home_, id, KnownSigners(home_));
  // Of the log as `run_` knows it: by its size CatchUp tells what the row does not tell of.
  const int64_t log_bytes = RunLogBytes(*directory);
  // Where there is no thread to be had, Finish does it.
  index_ =
      std::async(std::launch::async | std::launch::deferred,
                 [home = home_, run = run_, log_bytes] { return OpenIndex(home, run, log_bytes); });
  return absl::OkStatus();
}

FleetObserver Recorder::Watch(FleetObserver observer) {
  FleetObserver both{.progressed = std::move(observer.progressed)};
  both.started = [this, started = std::move(observer.started)](const std::string& node) {
    sent_at_[node] = absl::Now();
    Append({.kind = RunEvent::Kind::kSent, .at = sent_at_[node], .node = {.node = node}});
    if (started) started(node);
  };
  both.finished = [this, finished = std::move(observer.finished)](const NodeResult& result) {
    const auto sent = sent_at_.find(result.node);
    const absl::Time sent_at = sent == sent_at_.end() ? absl::InfinitePast() : sent->second;
    Append({.kind = RunEvent::Kind::kEnded, .at = absl::Now(), .node = ToNodeRun(result, sent_at)});
    if (finished) finished(result);
  };
  return both;
}

absl::Status Recorder::Finish(int exit_code) {
  Append({.kind = RunEvent::Kind::kFinished, .at = absl::Now(), .exit_code = exit_code});
  if (log_status_.ok()) log_status_ = log_->Sync();
  if (!log_status_.ok()) {
    return absl::Status(log_status_.code(),
                        absl::StrCat("what became of command ", id_,
                                     " could not be written down: ", log_status_.message()));
  }
  if (absl::Status indexed = PutInIndex(); !indexed.ok()) {
    warning_ = absl::StrCat(indexed.message(), ". This command is recorded in ",
                            home_.CommandDirectory(id_), " all the same");
  }
  return absl::OkStatus();
}

void Recorder::Append(const RunEvent& event) {
  // As it will be read again: to the log's precision.
  if (absl::StatusOr<RunEvent> read = DecodeRunEvent(EncodeRunEvent(event)); read.ok()) {
    Apply(*read, &run_);
  }
  if (log_status_.ok()) log_status_ = log_->Append(event);
}

Recorder::Index Recorder::OpenIndex(const Home& home, const Run& run, int64_t log_bytes) {
  absl::StatusOr<std::unique_ptr<HistoryIndex>> history = HistoryIndex::Open(home);
  if (!history.ok()) return {.history = nullptr, .status = history.status()};
  absl::Status put = (*history)->Put(run, log_bytes);
  return {.history = *std::move(history), .status = std::move(put)};
}

absl::Status Recorder::PutInIndex() {
  const Index index = index_.get();
  if (!index.status.ok()) return index.status;
  return index.history->Put(run_, RunLogBytes(home_.CommandDirectory(id_)));
}

}  // namespace bpa::controller
