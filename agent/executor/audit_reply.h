// What a node answers when it is asked for its audit record.
#ifndef BPA_AGENT_EXECUTOR_AUDIT_REPLY_H_
#define BPA_AGENT_EXECUTOR_AUDIT_REPLY_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/executor/journal.h"
#include "agent/executor/report.h"
#include "agent/executor/request_handler.h"

namespace bpa::executor {

// For one request and one thread.
class AuditReply {
 public:
  // Both must outlive it.
  AuditReply(Journal& journal, const ReportSigner& signer) : journal_(journal), signer_(signer) {}

  // Sends the pages from `request.first_sequence` on, and returns the envelope of the signed head.
  // Aborted when entries were dropped for their age faster than they were sent: ask again.
  absl::StatusOr<std::string> Send(const AuditRequest& request, absl::Time now,
                                   const AuditSink& sink);

  // After Send of everything that is kept: DataLoss, naming the first broken link, when the record
  // does not verify. It was sent as it is: whoever asked shall see it.
  const absl::Status& broken() const { return broken_; }

 private:
  absl::StatusOr<AuditPart> SendPages(uint64_t first, absl::Time now, const AuditSink& sink);

  Journal& journal_;
  const ReportSigner& signer_;
  absl::Status broken_;
};

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_AUDIT_REPLY_H_
