// A node's audit record as its reader sees it.
#ifndef BPA_TESTS_AGENT_EXECUTOR_AUDIT_RECORDS_H_
#define BPA_TESTS_AGENT_EXECUTOR_AUDIT_RECORDS_H_

#include <vector>

#include "agent/executor/journal.h"
#include "tests/agent/executor/support.h"

namespace bpa::executor {

inline NodeName TestNode() { return {.cluster = "bpa-test", .node = "node-1"}; }

// Of command TestId(number), at the moment of `at`.
inline v1::AuditRecord TestAudit(v1::AuditEvent event, int number = 1, absl::Time at = TestNow()) {
  v1::AuditRecord record;
  record.set_event(event);
  record.set_command_id(TestId(number));
  record.set_at_unix_millis(absl::ToUnixMillis(at));
  return record;
}

// Everything that is kept, after its chain was found whole.
inline absl::StatusOr<std::vector<v1::AuditRecord>> ReadVerifiedAudit(Journal& journal) {
  std::vector<v1::AuditRecord> records;
  AuditChainVerifier verifier(journal.audit_start());
  absl::StatusOr<AuditPart> part = journal.ReadAudit(1, std::nullopt);
  while (part.ok() && part->page.entries_size() > 0) {
    for (const v1::AuditEntry& entry : part->page.entries()) {
      absl::Status s = verifier.Add(entry.sequence(), entry.record(), entry.chain_sha256());
      if (!s.ok()) return s;
      if (!records.emplace_back().ParseFromString(entry.record())) {
        return absl::DataLossError("a record that cannot be read");
      }
    }
    part = journal.ReadAudit(verifier.last().sequence + 1, std::nullopt);
  }
  if (!part.ok()) return part.status();
  if (absl::Status s = verifier.Finish(part->head, part->before_first); !s.ok()) return s;
  return records;
}

}  // namespace bpa::executor

#endif  // BPA_TESTS_AGENT_EXECUTOR_AUDIT_RECORDS_H_
