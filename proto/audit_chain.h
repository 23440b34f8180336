// The chain of a node's audit record: made by the executor, verified by whoever reads it. Laid out
// in PROTOCOL.md.
#ifndef BPA_PROTO_AUDIT_CHAIN_H_
#define BPA_PROTO_AUDIT_CHAIN_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/sha256.h"

namespace bpa {

// A place in the chain: an entry's number, and the hash over everything up to it. Number 0 is the
// place before the first entry.
struct AuditPoint {
  uint64_t sequence = 0;
  Sha256 chain{};

  friend bool operator==(const AuditPoint&, const AuditPoint&) = default;
};

// Where the chain of this node of this cluster begins.
AuditPoint AuditChainStart(std::string_view cluster, std::string_view node);

// The entry after `previous` whose bytes are `record`.
AuditPoint AuditChainNext(const AuditPoint& previous, std::string_view record);

// A hash as it travels. InvalidArgument when it is not 32 bytes long.
absl::StatusOr<AuditPoint> AuditPointOf(uint64_t sequence, std::string_view chain_sha256);

// Follows a chain entry by entry, without keeping the entries. Everything that it says about
// entries holds only once Finish has compared them with a head whose signature was checked.
//
// All failures are DataLoss, name the first broken link and say why. After a failure every further
// call fails alike.
class AuditChainVerifier {
 public:
  // `known`: the place that the entries are expected to follow: AuditChainStart, or one that was
  // verified before. The first entry may lie further on, if the node has dropped those between.
  // `remembered`: a head that was verified before; the entry of that number must have that hash,
  // which cannot be told when the node has dropped that entry.
  explicit AuditChainVerifier(const AuditPoint& known,
                              std::optional<AuditPoint> remembered = std::nullopt);

  absl::Status Add(uint64_t sequence, std::string_view record, std::string_view chain_sha256);

  // After the last entry. `head` and `before_first` are the signed head's: the newest entry, and
  // the place before the oldest one that is kept.
  absl::Status Finish(const AuditPoint& head, const AuditPoint& before_first);

  // The last entry that was added, or what was known.
  const AuditPoint& last() const { return last_; }

 private:
  // The first entry when those before it are not there: judged once its predecessor is known.
  struct First {
    uint64_t expected;  // the number that was
    AuditPoint point;
    std::string record;
  };

  absl::Status Follow(uint64_t sequence, std::string_view record, std::string_view chain_sha256);
  absl::Status CompareWithHead(const AuditPoint& head, const AuditPoint& before_first) const;
  absl::Status CheckFirst(const AuditPoint& before_first) const;
  absl::Status CheckRemembered(const AuditPoint& point) const;

  AuditPoint last_;
  const std::optional<AuditPoint> remembered_;
  bool begun_ = false;  // an entry was added
  std::optional<First> first_;
  absl::Status broken_;
};

}  // namespace bpa

#endif  // BPA_PROTO_AUDIT_CHAIN_H_
