// Reports: what a node says it did, signed with the node's own key.
#ifndef BPA_AGENT_EXECUTOR_REPORT_H_
#define BPA_AGENT_EXECUTOR_REPORT_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/executor/journal.h"
#include "agent/executor/resource.h"
#include "bpa/v1/audit.pb.h"
#include "bpa/v1/report.pb.h"
#include "proto/keys.h"

namespace bpa::executor {

// "0.1.0".
extern const char kAgentVersion[];

// "volume", "reset", "directory", "sysctl", "package".
std::string KindName(v1::ResourceKind kind);

// With its fingerprint.
v1::Change MakeChange(v1::ResourceKind kind, const std::string& name, const Difference& difference);

// FAILED if any resource failed or was skipped.
v1::Outcome OutcomeOf(const v1::Report& report);

// What is known of a command that was begun and not finished: INTERRUPTED, with the resources that
// it had set out to change. One whose change was begun and not ended is FAILED, with what to do.
v1::Report InterruptedReport(const CommandRecord& record, const std::vector<StepRecord>& steps);

// The node's private key. FailedPrecondition, NotFound or InvalidArgument name the file and what to
// do.
absl::StatusOr<PrivateKey> LoadReportKey(const std::string& path);

// Immutable but for moves; safe to use from several threads.
class ReportSigner {
 public:
  ReportSigner(PrivateKey key, std::string cluster, std::string node);

  // Fills in who speaks (cluster, node, version) and returns the envelope. A report too large for
  // one loses the ends of its longest texts first, never a resource or its status; fingerprints
  // stay those of the full texts.
  absl::StatusOr<std::string> Sign(v1::Report report) const;
  // Likewise.
  absl::StatusOr<std::string> Sign(v1::AuditHead head) const;

 private:
  absl::StatusOr<std::string> Seal(std::string_view type, std::string payload) const;

  PrivateKey key_;
  std::string cluster_;
  std::string node_;
};

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_REPORT_H_
