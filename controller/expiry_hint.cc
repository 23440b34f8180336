#include "controller/expiry_hint.h"

#include <optional>

#include "absl/strings/str_cat.h"
#include "controller/authority.h"
#include "controller/node_record.h"
#include "proto/x509.h"

namespace bpa::controller {
namespace {

// "ends in 3 days", if that is soon.
std::optional<std::string> EndsSoon(const std::string& pem, absl::Time now) {
  const auto chain = ParseCertificates(pem);
  if (!chain.ok()) return std::nullopt;
  const absl::StatusOr<Validity> validity = ValidityOf(*chain->front());
  if (!validity.ok() || validity->until - now >= kRenewBefore) return std::nullopt;
  const int64_t days = absl::ToInt64Hours(validity->until - now) / 24;
  if (validity->until <= now) return "has expired";
  return absl::StrCat("ends in ", days, days == 1 ? " day" : " days");
}

}  // namespace

std::string ExpiryHints(const Home& home, const std::vector<Node>& nodes, absl::Time now) {
  std::string hints;
  const absl::StatusOr<ClientIdentity> identity = home.ReadClientIdentity();
  if (identity.ok()) {
    if (const auto soon = EndsSoon(identity->certificate, now)) {
      absl::StrAppend(&hints, "bpactl's own certificate ", *soon, ": `bpactl renew`\n");
    }
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
