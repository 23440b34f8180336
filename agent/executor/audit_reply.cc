#include "agent/executor/audit_reply.h"

#include <algorithm>
#include <optional>

namespace bpa::executor {
namespace {

absl::Status DroppedMeanwhile() {
  return absl::AbortedError(
      "entries of the audit record were dropped for their age while it was sent: ask again");
}

std::string Bytes(const Sha256& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

absl::Status Follow(const v1::AuditPage& page, AuditChainVerifier& verifier) {
  for (const v1::AuditEntry& entry : page.entries()) {
    absl::Status s = verifier.Add(entry.sequence(), entry.record(), entry.chain_sha256());
    if (!s.ok()) return s;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<AuditPart> AuditReply::SendPages(uint64_t first, absl::Time now,
                                                const AuditSink& sink) {
  absl::StatusOr<AuditPart> part = journal_.ReadAudit(first, now);
  if (!part.ok()) return part;
  // As it was in the beginning: what is dropped from now on has been sent, or else is missed below.
  const AuditPoint before_first = part->before_first;
  const bool whole = first <= before_first.sequence + 1;
  AuditChainVerifier verifier(journal_.audit_start());
  while (part->page.entries_size() > 0) {
    if (absl::Status s = sink(part->page); !s.ok()) return s;
    if (whole && broken_.ok()) broken_ = Follow(part->page, verifier);
    first = part->page.entries(part->page.entries_size() - 1).sequence() + 1;
    part = journal_.ReadAudit(first, std::nullopt);
    if (!part.ok()) return part;
    if (part->before_first.sequence >= first) return DroppedMeanwhile();
  }
  part->before_first = before_first;
  if (whole && broken_.ok()) broken_ = verifier.Finish(part->head, before_first);
  return part;
}

absl::StatusOr<std::string> AuditReply::Send(const AuditRequest& request, absl::Time now,
                                             const AuditSink& sink) {
  const uint64_t first = std::max<uint64_t>(request.first_sequence, 1);
  absl::StatusOr<AuditPart> ends = SendPages(first, now, sink);
  if (!ends.ok()) return ends.status();
  v1::AuditHead head;
  head.set_sequence(ends->head.sequence);
  head.set_chain_sha256(Bytes(ends->head.chain));
  head.set_first_sequence(ends->before_first.sequence + 1);
  head.set_first_previous_sha256(Bytes(ends->before_first.chain));
  head.set_nonce(request.nonce);
  head.set_now_unix_millis(absl::ToUnixMillis(now));
  return signer_.Sign(head);
}

}  // namespace bpa::executor
