// A node's audit record as bpactl fetches it, verifies it and remembers how far it went.
#ifndef BPA_CONTROLLER_AUDIT_RECORD_H_
#define BPA_CONTROLLER_AUDIT_RECORD_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "bpa/v1/audit.pb.h"
#include "controller/cluster.h"
#include "controller/home.h"
#include "proto/audit_chain.h"
#include "proto/verifier.h"

namespace bpa::controller {

// What is asked for and expected.
struct AuditQuestion {
  std::string cluster;
  std::string node;
  std::string nonce;  // 32 random bytes
  // The first entry wanted; from 1.
  uint64_t first_sequence = 1;
  // The newest head that was verified before; absent: none was.
  std::optional<AuditPoint> remembered;
};

struct AuditAnswer {
  // OK: the chain is whole up to the head that the node has signed, and holds what was remembered.
  // DataLoss: it is not; names the first broken link. Unauthenticated or InvalidArgument: the head
  // is not this node's answer to this question.
  absl::Status verdict;
  v1::AuditHead head;  // when its signature holds
  std::string head_envelope;
  uint64_t entries = 0;
};

// Takes an answer message by message. Entries are handed on as they come, before the verdict is
// known: until Finish says OK they are what somebody claims. `pinned` trusts the node's report key
// and nothing else, and outlives this.
class AuditReader {
 public:
  using Visitor = std::function<void(uint64_t sequence, const v1::AuditRecord& record)>;

  AuditReader(AuditQuestion question, const Verifier& pinned, Visitor visit);

  // False when no more is wanted: something is broken.
  bool Take(const v1::AuditPage& page);
  // Last.
  AuditAnswer Finish(std::string_view head_envelope);

 private:
  absl::Status TakeEntry(const v1::AuditEntry& entry);
  absl::StatusOr<v1::AuditHead> CheckHead(std::string_view envelope) const;

  const AuditQuestion question_;
  const Verifier& pinned_;
  const Visitor visit_;
  AuditChainVerifier chain_;
  uint64_t entries_ = 0;
  absl::Status broken_;
};

// Fetches and verifies. Unavailable, or whatever the node refused with, when there was no answer to
// be verified.
absl::StatusOr<AuditAnswer> FetchAudit(const Node& node, const ClientIdentity& identity,
                                       const AuditQuestion& question, const Verifier& pinned,
                                       const AuditReader::Visitor& visit, absl::Duration timeout);

// nodes/<node>/audit-head.dsse: the newest head that was verified, as the node signed it.
// NotFound when there is none; Unauthenticated when it is not signed by `pinned`, or of another
// node: then nothing can be said about whether the record was made anew.
absl::StatusOr<v1::AuditHead> ReadAuditHead(const Home& home, const AuditQuestion& question,
                                            const Verifier& pinned);
// Durable.
absl::Status SaveAuditHead(const Home& home, const std::string& node, std::string_view envelope);

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_AUDIT_RECORD_H_
