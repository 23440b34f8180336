#include "agent/executor/refusal.h"

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace bpa::executor {
namespace {

constexpr char kPayload[] = "bpa.v1.RefusalReason";

}  // namespace

absl::Status Refuse(v1::RefusalReason reason, absl::Status status) {
  if (!status.ok() && !status.GetPayload(kPayload)) {
    status.SetPayload(kPayload, absl::Cord(absl::StrCat(static_cast<int>(reason))));
  }
  return status;
}

v1::RefusalReason RefusalOf(const absl::Status& status) {
  if (status.ok()) return v1::REFUSAL_REASON_UNSPECIFIED;
  const absl::optional<absl::Cord> payload = status.GetPayload(kPayload);
  int reason = 0;
  if (!payload || !absl::SimpleAtoi(std::string(*payload), &reason)) {
    return v1::REFUSAL_REASON_NODE;
  }
  return static_cast<v1::RefusalReason>(reason);
}

}  // namespace bpa::executor
