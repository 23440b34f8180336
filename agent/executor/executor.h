// From an envelope to a signed report: verify, parse, admit, once, converge, record.
#ifndef BPA_AGENT_EXECUTOR_EXECUTOR_H_
#define BPA_AGENT_EXECUTOR_EXECUTOR_H_

#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/executor/admission.h"
#include "agent/executor/command.h"
#include "agent/executor/config.h"
#include "agent/executor/desired_state.h"
#include "agent/executor/journal.h"
#include "agent/executor/observer.h"
#include "agent/executor/report.h"
#include "agent/executor/request_handler.h"

namespace bpa::executor {

// One APPLY at a time; PLAN and VERIFY may run beside it. The same bytes sent again while they run
// wait for the same report. An apply goes on to its end whether or not anybody still listens, but
// for packages whose content no longer comes: then it ends unfinished, and the same bytes sent
// again go on with it.
class Executor : public RequestHandler {
 public:
  // All arguments must outlive it. `planner` is called from several threads.
  Executor(const Config& config, Planner planner, Journal& journal, const ReportSigner& signer,
           Clock clock);

  absl::StatusOr<std::string> Execute(std::string_view envelope, ContentSource* content,
                                      const ProgressSink& progress,
                                      RequestSummary& summary) override;
  absl::StatusOr<std::string> GetReport(std::string_view command_id,
                                        RequestSummary& summary) override;
  absl::StatusOr<std::string> GetAudit(const AuditRequest& request, const AuditSink& sink,
                                       RequestSummary& summary) override;
  // One at a time: Aborted beside another, and when an APPLY began meanwhile.
  absl::StatusOr<std::string> Observe(RequestSummary& summary) override;
  void Stop() override;

 private:
  // A command that is being carried out.
  struct Run {
    std::string payload_sha256;
    std::optional<absl::StatusOr<std::string>> result;  // guarded by mutex_; set when done
  };

  // What is to become of a command: exactly one of the first three is set.
  struct Decision {
    std::optional<std::string> stored_report;
    std::shared_ptr<Run> attach;
    std::shared_ptr<Run> run;
    // With `run`:
    Assignment assignment = {};
    std::vector<StepRecord> earlier_steps;
    bool resume = false;
  };

  // Who asks: where content comes from and where progress and the summary go.
  struct Caller {
    ContentSource* content;
    const ProgressSink& progress;
    RequestSummary& summary;
    // What is known of the command so far.
    v1::AuditRecord& audit;
  };

  absl::StatusOr<Command> ReadCommand(std::string_view envelope, const Caller& caller) const;
  absl::StatusOr<std::string> Answer(const Command& command, const Caller& caller);
  absl::StatusOr<Decision> Decide(const Command& command);
  // With mutex_ held.
  absl::Status CheckNotBusy(const Command& command);
  absl::StatusOr<std::string> AwaitResult(const Run& run);
  void Publish(const std::string& id, Run& run, const absl::StatusOr<std::string>& result);
  // Says in the caller's summary how it ended, if it did.
  absl::StatusOr<std::string> CarryOut(const Command& command, const Decision& decision,
                                       const Caller& caller);
  absl::StatusOr<AppliedState> WhatIsWanted(const Command& command, const Assignment& assignment);
  absl::StatusOr<std::string> SignInterrupted(const CommandRecord& record);
  // `audit`, of this event and moment.
  v1::AuditRecord& Stamp(v1::AuditRecord& audit, v1::AuditEvent event) const;
  void NoteRefusal(const absl::Status& refusal, const Caller& caller);

  const Config& config_;
  const Planner planner_;
  Journal& journal_;
  const ReportSigner& signer_;
  const Clock clock_;
  const Observer observer_;
  std::mutex observing_;
  std::atomic<bool> stopping_ = false;

  std::mutex mutex_;
  std::condition_variable run_ended_;
  // Guarded by mutex_:
  std::map<std::string, std::shared_ptr<Run>> runs_;  // by command id
  std::string applying_;                              // the APPLY among them, or empty
  uint64_t applies_ = 0;                              // how many have begun
};

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_EXECUTOR_H_
