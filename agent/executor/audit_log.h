// The node's audit record: what it was asked, refusals included, each entry chained to the one
// before it (proto/audit_chain.h). Kept in the journal's database, so that an entry stands or falls
// with what it tells of.
#ifndef BPA_AGENT_EXECUTOR_AUDIT_LOG_H_
#define BPA_AGENT_EXECUTOR_AUDIT_LOG_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "bpa/v1/audit.pb.h"
#include "proto/audit_chain.h"
#include "proto/sqlite.h"

namespace bpa::executor {

// Whose record it is: its chain begins with these names.
struct NodeName {
  std::string cluster;
  std::string node;
};

// The oldest entries go when there are more.
struct AuditLimits {
  uint64_t entries = 100'000;
  uint64_t bytes = uint64_t{32} * 1024 * 1024;
  // How many refusals get an entry each within an hour. Those beyond are counted, by reason:
  // whoever holds a controller's certificate and no signing key can add a few entries an hour and
  // no more, and needs months to push out one that matters.
  uint64_t refusals_per_hour = 20;
};

// Some entries in order, and the ends of the record at that moment.
struct AuditPart {
  v1::AuditPage page;
  AuditPoint head;
  AuditPoint before_first;
};

// Every call is for within a transaction of the caller's, except where it says otherwise. For one
// thread at a time.
class AuditLog {
 public:
  // `database` must outlive every call.
  AuditLog(const NodeName& node, AuditLimits limits);

  absl::Status Append(SqliteDatabase& database, const v1::AuditRecord& record);
  // Gives it an entry, or counts it.
  absl::Status AppendRefusal(SqliteDatabase& database, const v1::AuditRecord& record);
  // Gives an entry to each count that is an hour old by `now`. Append and AppendRefusal do so
  // first.
  absl::Status AppendDue(SqliteDatabase& database, absl::Time now);

  // Entries from `first_sequence` on, about kPageBytes of them; none when there are no more. Needs
  // no transaction.
  absl::StatusOr<AuditPart> Read(SqliteDatabase& database, uint64_t first_sequence) const;

  // Where this node's chain begins.
  const AuditPoint& start() const { return start_; }

 private:
  // What is known beside the entries.
  struct State {
    AuditPoint head;
    AuditPoint before_first;
    uint64_t bytes = 0;
    // The hour in which refusals are counted, and how many of them have got an entry.
    int64_t hour_began_at = 0;
    uint64_t refusals = 0;
  };

  absl::StatusOr<State> Load(SqliteDatabase& database) const;
  absl::Status Store(SqliteDatabase& database, const State& state) const;
  // `record`: a serialized AuditRecord.
  absl::Status AddEntry(SqliteDatabase& database, State& state, const std::string& record) const;
  absl::Status DropOldest(SqliteDatabase& database, State& state) const;
  absl::Status AddDue(SqliteDatabase& database, State& state, int64_t now) const;
  absl::Status Count(SqliteDatabase& database, const v1::AuditRecord& record) const;

  const AuditLimits limits_;
  const AuditPoint start_;
};

// `message` as a record can hold it: at most 1024 bytes of UTF-8.
std::string AuditMessage(std::string message);

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_AUDIT_LOG_H_
