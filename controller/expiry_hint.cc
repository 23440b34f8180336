#include "controller/expiry_hint.h"

#include <optional>

#include "absl/strings/str_cat.h"
#include "controller/authority.h"
#include "controller/node_record.h"
#include "proto/x509.h"

namespace bpa::controller {
namespace {

// "ends in 3 days", if that is soon.
std::optional<std::string> EndsSoon(absl::Time until, absl::Time now) {
  if (until - now >= kRenewBefore) return std::nullopt;
  if (until <= now) return "has expired";
  const int64_t days = absl::ToInt64Hours(until - now) / 24;
  return absl::StrCat("ends in ", days, days == 1 ? " day" : " days");
}

std::optional<std::string> EndsSoon(const std::string& pem, absl::Time now) {
  const auto chain = ParseCertificates(pem);
  if (!chain.ok()) return std::nullopt;
  const absl::StatusOr<Validity> validity = ValidityOf(*chain->front());
  return validity.ok() ? EndsSoon(validity->until, now) : std::nullopt;
}

}  // namespace

std::string ExpiryHints(const Home& home, absl::Time own_until, const std::vector<Node>& nodes,
                        absl::Time now) {
  std::string hints;
  if (const auto soon = EndsSoon(own_until, now)) {
    absl::StrAppend(&hints, "bpactl's own certificate ", *soon, ": `bpactl renew`\n");
  }
  for (const Node& node : nodes) {
    const auto certificate = NodeRecord(home, node.name).ReadCertificate();
    if (!certificate.ok() || !certificate->has_value()) continue;
    if (const auto soon = EndsSoon(**certificate, now)) {
      absl::StrAppend(&hints, node.name, ": its certificate ", *soon, ": `bpactl renew ", node.name,
                      "`\n");
    }
  }
  return hints;
}

}  // namespace bpa::controller
