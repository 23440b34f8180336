#include "proto/audit_chain.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "proto/big_endian.h"

namespace bpa {
namespace {

// With its closing NUL: no cluster's name can run on from it.
constexpr char kLabel[] = "bpa audit v1";

void AppendField(std::string& out, std::string_view field) {
  AppendBigEndian(out, field.size(), 4);
  out.append(field);
}

std::string_view Bytes(const Sha256& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

absl::Status Broken(const std::string& why) {
  return absl::DataLossError(absl::StrCat("the audit record is broken: ", why));
}

absl::Status NotChained(uint64_t sequence) {
  return Broken(absl::StrCat("entry ", sequence, " is not chained to ",
                             sequence == 1 ? std::string("the start of this node's record")
                                           : absl::StrCat("entry ", sequence - 1),
                             ": it was altered, or what came before it was"));
}

absl::Status Missing(uint64_t first, uint64_t last, const std::string& but) {
  return Broken(first == last ? absl::StrCat("entry ", first, " is missing", but)
                              : absl::StrCat("entries ", first, " to ", last, " are missing", but));
}

}  // namespace

AuditPoint AuditChainStart(std::string_view cluster, std::string_view node) {
  std::string input(kLabel, sizeof kLabel);
  AppendField(input, cluster);
  AppendField(input, node);
  return {.sequence = 0, .chain = DigestOf(input)};
}

AuditPoint AuditChainNext(const AuditPoint& previous, std::string_view record) {
  AuditPoint next{.sequence = previous.sequence + 1};
  std::string input(Bytes(previous.chain));
  AppendBigEndian(input, next.sequence, 8);
  AppendField(input, record);
  next.chain = DigestOf(input);
  return next;
}

absl::StatusOr<AuditPoint> AuditPointOf(uint64_t sequence, std::string_view chain_sha256) {
  AuditPoint point{.sequence = sequence};
  if (chain_sha256.size() != point.chain.size()) {
    return absl::InvalidArgumentError(absl::StrCat("the chain's hash at entry ", sequence, " is ",
                                                   chain_sha256.size(), " bytes long, not ",
                                                   point.chain.size()));
  }
  std::copy(chain_sha256.begin(), chain_sha256.end(), point.chain.begin());
  return point;
}

AuditChainVerifier::AuditChainVerifier(const AuditPoint& known,
                                       std::optional<AuditPoint> remembered)
    : last_(known), remembered_(remembered) {}

absl::Status AuditChainVerifier::Add(uint64_t sequence, std::string_view record,
                                     std::string_view chain_sha256) {
  if (broken_.ok()) broken_ = Follow(sequence, record, chain_sha256);
  return broken_;
}

absl::Status AuditChainVerifier::Follow(uint64_t sequence, std::string_view record,
                                        std::string_view chain_sha256) {
  if (sequence <= last_.sequence) {
    return Broken(absl::StrCat("entry ", sequence, " comes where entry ", last_.sequence + 1,
                               " is expected"));
  }
  absl::StatusOr<AuditPoint> said = AuditPointOf(sequence, chain_sha256);
  if (!said.ok()) return Broken(std::string(said.status().message()));
  const uint64_t expected = last_.sequence + 1;
  if (sequence != expected && begun_) return Missing(expected, sequence - 1, "");
  if (sequence != expected) {
    first_ = First{.expected = expected, .point = *said, .record = std::string(record)};
  } else if (AuditChainNext(last_, record) != *said) {
    return NotChained(sequence);
  }
  begun_ = true;
  last_ = *said;
  return CheckRemembered(last_);
}

absl::Status AuditChainVerifier::CheckRemembered(const AuditPoint& point) const {
  if (!remembered_ || remembered_->sequence != point.sequence || *remembered_ == point) {
    return absl::OkStatus();
  }
  return Broken(absl::StrCat("entry ", point.sequence,
                             " is another than when this node's record was verified before: the "
                             "record was made anew, here or earlier"));
}

absl::Status AuditChainVerifier::Finish(const AuditPoint& head, const AuditPoint& before_first) {
  if (broken_.ok()) broken_ = CompareWithHead(head, before_first);
  return broken_;
}

absl::Status AuditChainVerifier::CompareWithHead(const AuditPoint& head,
                                                 const AuditPoint& before_first) const {
  const uint64_t before = std::max(last_.sequence, remembered_ ? remembered_->sequence : 0);
  if (head.sequence < before) {
    return Broken(absl::StrCat("the node says that it ends with entry ", head.sequence,
                               ", but there was an entry ", before));
  }
  if (absl::Status s = CheckFirst(before_first); !s.ok()) return s;
  if (head.sequence > last_.sequence) {
    return Missing(last_.sequence + 1, head.sequence, ", though the node says that it has them");
  }
  if (head != last_) {
    return Broken(absl::StrCat("entry ", head.sequence,
                               " is another than the one whose hash the node has signed"));
  }
  return CheckRemembered(before_first);
}

absl::Status AuditChainVerifier::CheckFirst(const AuditPoint& before_first) const {
  if (!first_) return absl::OkStatus();
  const uint64_t sequence = first_->point.sequence;
  const uint64_t oldest = before_first.sequence + 1;
  if (sequence < oldest) {
    return Broken(absl::StrCat("entry ", sequence, " is there, though the node says that entry ",
                               oldest, " is its oldest"));
  }
  if (sequence > oldest) {
    return Missing(std::max(first_->expected, oldest), sequence - 1,
                   ", though the node says that it has them");
  }
  return AuditChainNext(before_first, first_->record) == first_->point ? absl::OkStatus()
                                                                       : NotChained(sequence);
}

}  // namespace bpa
