// What this node has done: every accepted command, once, with its signed report; and the audit
// record of everything that it was asked.
//
// A SQLite file in WAL mode with synchronous=FULL: what a method has written is durable when it
// returns. It is the node's replay protection, so a damaged journal is an error and is never
// replaced silently.
#ifndef BPA_AGENT_EXECUTOR_JOURNAL_H_
#define BPA_AGENT_EXECUTOR_JOURNAL_H_

#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/executor/applied_state.h"
#include "agent/executor/audit_log.h"
#include "agent/executor/journal_file.h"
#include "agent/executor/ledger.h"
#include "bpa/v1/report.pb.h"
#include "proto/sqlite.h"

namespace bpa::executor {

struct CommandRecord {
  std::string id;
  std::string payload_sha256;
  v1::Mode mode = v1::MODE_UNSPECIFIED;
  std::string operator_name;
  std::vector<std::string> signers;
  absl::Time accepted_at;
  // From then on the command is refused for its age, so that its id may be forgotten.
  absl::Time replayable_until;
  // Envelope; absent while the command is unfinished.
  std::optional<std::string> report;
};

// One resource that an apply set out to change.
struct StepRecord {
  int position = 0;
  v1::ResourceKind kind = v1::RESOURCE_KIND_UNSPECIFIED;
  std::string name;
  // UNSPECIFIED: begun, and not known to have ended.
  v1::ResourceStatus status = v1::RESOURCE_STATUS_UNSPECIFIED;
  std::string message;
};

struct JournalSize {
  // The file and its log.
  uint64_t bytes = 0;
  uint64_t commands = 0;
  uint64_t audit_entries = 0;
};

struct JournalLimits {
  int64_t commands = 1000;
  int64_t report_bytes = int64_t{64} * 1024 * 1024;
  AuditLimits audit;
};

// Safe to use from several threads.
class Journal : public Ledger {
 public:
  // Opens DIRECTORY/journal.db (mode 0600), making it and the directory (0700) if they are not
  // there. Holds the file alone until destroyed: Unavailable if another process keeps it for 5 s.
  // FailedPrecondition for a newer version's journal, DataLoss for a damaged one, each with what to
  // do. `node` is whose audit record this is.
  static absl::StatusOr<std::unique_ptr<Journal>> Open(const std::string& directory,
                                                       const NodeName& node,
                                                       JournalLimits limits = {});

  absl::StatusOr<std::optional<CommandRecord>> Find(const std::string& id);

  // What the last APPLY wanted; nullopt if this node has taken none.
  absl::StatusOr<std::optional<AppliedState>> Applied();
  absl::StatusOr<JournalSize> Size();

  // `audit`, here and below, is added to the audit record in the same transaction. Whatever writes
  // returns DataLoss when the file was deleted or replaced under this process; what it held is then
  // saved as journal.db.rescued.
  //
  // Records a command that is about to change things, and what it wants (`applied`, if given).
  // Drops the oldest records over the limits, but no APPLY that could still be replayed:
  // ResourceExhausted when those alone fill the journal. On any failure nothing is recorded.
  absl::Status Accept(const CommandRecord& record, const v1::AuditRecord& audit,
                      const AppliedState* applied = nullptr);
  // Steps that are about to begin (no status yet) or have ended, in one commit. A step replaces
  // what was written of its position.
  absl::Status WriteSteps(const std::string& id, const std::vector<StepRecord>& steps);
  absl::StatusOr<std::vector<StepRecord>> Steps(const std::string& id);
  // Stores the report of an accepted command; its steps are in the report and are dropped.
  absl::Status Finish(const std::string& id, const std::string& report,
                      const v1::AuditRecord& audit, const AppliedState* applied = nullptr);
  // Accept and Finish in one: for commands that change nothing. `record.report` is set. A record
  // that is there already is replaced.
  absl::Status RecordFinished(const CommandRecord& record, const v1::AuditRecord& audit);

  // Adds an event to the audit record. Refusals beyond so many an hour are counted (AuditLimits).
  absl::Status Audit(const v1::AuditRecord& audit);
  // Part of the audit record, from `first_sequence` on; empty when there is no more. At its
  // beginning (`now` is set), counts that are an hour old get their entries.
  absl::StatusOr<AuditPart> ReadAudit(uint64_t first_sequence, std::optional<absl::Time> now);
  // Where this node's audit record is chained to.
  const AuditPoint& audit_start() const { return audit_.start(); }

  // Ledger.
  absl::Status BeginFormat(const FormatIntent& intent) override;
  absl::StatusOr<std::optional<FormatIntent>> UnfinishedFormat(const std::string& disk) override;
  absl::Status FinishFormat(const std::string& disk) override;
  absl::StatusOr<bool> ResetDone(const std::string& command_id, const std::string& path) override;
  absl::Status RecordReset(const std::string& command_id, const std::string& path) override;

 private:
  Journal(JournalFile file, const NodeName& node, JournalLimits limits);

  // With mutex_ held:
  absl::Status WriteApplied(const AppliedState* applied);
  absl::Status MakeRoom(absl::Time now);
  absl::Status Drop(const std::string& id);
  absl::Status Insert(const CommandRecord& record);
  absl::Status WriteStep(const std::string& id, const StepRecord& step);

  const JournalLimits limits_;
  const JournalPlace place_;
  // std::mutex and not absl::Mutex: ThreadSanitizer cannot see through Debian's Abseil.
  std::mutex mutex_;
  SqliteDatabase database_;  // guarded by mutex_
  AuditLog audit_;           // guarded by mutex_
};

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_JOURNAL_H_
