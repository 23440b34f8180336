#include "agent/executor/command_run.h"

#include <set>
#include <utility>

#include "agent/executor/report.h"

namespace bpa::executor {

StepJournal::StepJournal(Journal& journal, const std::string& command_id,
                         const ProgressSink& progress, const std::atomic<bool>& stopping)
    : journal_(journal), command_id_(command_id), progress_(progress), stopping_(stopping) {}

void StepJournal::OnProgress(const v1::Progress& progress) { progress_(progress); }

absl::Status StepJournal::BeforeChanges(const std::vector<UpcomingChange>& changes) {
  std::vector<StepRecord> steps = ended_;
  for (const UpcomingChange& change : changes) {
    steps.push_back({.position = change.position, .kind = change.kind, .name = change.name});
  }
  absl::Status s = journal_.WriteSteps(command_id_, steps);
  if (s.ok()) ended_.clear();
  return s;
}

void StepJournal::AfterChange(int position, const v1::ResourceResult& result) {
  ended_.push_back({.position = position,
                    .kind = result.kind(),
                    .name = result.name(),
                    .status = result.status(),
                    .message = result.message()});
}

bool StepJournal::Stopping() { return stopping_; }

absl::Status StepJournal::Flush() {
  if (ended_.empty()) return absl::OkStatus();
  absl::Status s = journal_.WriteSteps(command_id_, ended_);
  if (s.ok()) ended_.clear();
  return s;
}

CommandRecord MakeRecord(const Command& command, absl::Time now, absl::Duration skew) {
  return {
      .id = command.proto().id(),
      .payload_sha256 = command.payload_sha256(),
      .mode = command.proto().mode(),
      .operator_name = command.proto().operator_name(),
      .signers = command.signers(),
      .accepted_at = now,
      .replayable_until = absl::FromUnixMillis(command.proto().expires_at_unix_millis()) + skew};
}

v1::Report MakeReport(const Command& command, absl::Time started, absl::Time finished,
                      const std::vector<v1::ResourceResult>& results,
                      const std::vector<StepRecord>& earlier_steps) {
  std::set<std::pair<int, std::string>> earlier;
  for (const StepRecord& step : earlier_steps) earlier.emplace(step.kind, step.name);

  v1::Report report;
  report.set_command_id(command.proto().id());
  report.set_command_sha256(command.payload_sha256());
  report.set_mode(command.proto().mode());
  report.set_started_at_unix_millis(absl::ToUnixMillis(started));
  report.set_finished_at_unix_millis(absl::ToUnixMillis(finished));
  report.set_operator_name(command.proto().operator_name());
  for (const std::string& signer : command.signers()) report.add_signers(signer);
  for (const v1::ResourceResult& result : results) {
    v1::ResourceResult& added = *report.add_resources();
    added = result;
    if (result.status() == v1::RESOURCE_STATUS_UNCHANGED &&
        earlier.contains({result.kind(), result.name()})) {
      added.set_message("changed by this command before it was interrupted");
    }
  }
  report.set_outcome(OutcomeOf(report));
  return report;
}

}  // namespace bpa::executor
