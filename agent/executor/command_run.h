// One command on its way through the converger: what is told, recorded and reported.
#ifndef BPA_AGENT_EXECUTOR_COMMAND_RUN_H_
#define BPA_AGENT_EXECUTOR_COMMAND_RUN_H_

#include <atomic>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "agent/executor/command.h"
#include "agent/executor/converger.h"
#include "agent/executor/journal.h"
#include "agent/executor/request_handler.h"

namespace bpa::executor {

// Writes an apply's steps to the journal as the converger goes. For one thread.
class StepJournal : public ConvergeListener {
 public:
  // All arguments must outlive it.
  StepJournal(Journal& journal, const std::string& command_id, const ProgressSink& progress,
              const std::atomic<bool>& stopping);

  void OnProgress(const v1::Progress& progress) override;
  absl::Status BeforeChanges(const std::vector<UpcomingChange>& changes) override;
  void AfterChange(int position, const v1::ResourceResult& result) override;
  bool Stopping() override;

  // Writes the ends of the last steps, which otherwise go with the next write.
  absl::Status Flush();

 private:
  Journal& journal_;
  const std::string& command_id_;
  const ProgressSink& progress_;
  const std::atomic<bool>& stopping_;
  std::vector<StepRecord> ended_;
};

// What the journal keeps of `command`. `skew`: policy.max_clock_skew.
CommandRecord MakeRecord(const Command& command, absl::Time now, absl::Duration skew);

// The report of a command that ran to its end. A resource that an earlier, interrupted run had
// begun to change (`earlier_steps`) and that is as wanted now says so.
v1::Report MakeReport(const Command& command, absl::Time started, absl::Time finished,
                      const std::vector<v1::ResourceResult>& results,
                      const std::vector<StepRecord>& earlier_steps);

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_COMMAND_RUN_H_
