#include "agent/gateway/authorization.h"

#include <grpc/grpc_security_constants.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "proto/limits.h"
#include "proto/x509.h"

namespace bpa::gateway {
namespace {

bool IsName(std::string_view text) {
  return !text.empty() && text.size() <= kMaxNameBytes &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return absl::ascii_isalnum(c) || c == '.' || c == '_' || c == '-';
         });
}

}  // namespace

absl::StatusOr<std::string> ControllerName(std::string_view certificate_pem,
                                           std::string_view cluster) {
  const absl::StatusOr<std::vector<X509Pointer>> chain = ParseCertificates(certificate_pem);
  if (!chain.ok()) {
    return absl::PermissionDeniedError(
        absl::StrCat("client certificate: ", chain.status().message()));
  }
  X509& leaf = *chain->front();
  if (!IsForClients(leaf)) {
    return absl::PermissionDeniedError(
        "client certificate: its extended key usage does not name clientAuth");
  }
  const std::vector<std::string> uris = UriNames(leaf);
  const std::string prefix = absl::StrCat("bpa://", std::string(cluster), "/controller/");
  if (uris.size() == 1 && uris[0].starts_with(prefix)) {
    std::string name = uris[0].substr(prefix.size());
    if (IsName(name)) return name;
  }
  return absl::PermissionDeniedError(
      absl::StrCat("client certificate: it is ",
                   uris.empty() ? "without a URI" : absl::CHexEscape(absl::StrJoin(uris, ", ")),
                   ", but only ", prefix, "<name> may call this node"));
}

absl::StatusOr<std::string> PeerCheck::Check(const grpc::ServerContext& context) const {
  const std::shared_ptr<const grpc::AuthContext> authentication = context.auth_context();
  if (authentication == nullptr || !authentication->IsPeerAuthenticated()) {
    return absl::PermissionDeniedError("the connection has no client certificate");
  }
  const auto certificates = authentication->FindPropertyValues(GRPC_X509_PEM_CERT_PROPERTY_NAME);
  if (certificates.size() != 1) {
    return absl::PermissionDeniedError("the connection has no client certificate");
  }
  absl::StatusOr<std::string> name =
      ControllerName(std::string_view(certificates[0].data(), certificates[0].size()), cluster_);
  if (!name.ok()) return name;
  connections_.MarkAuthorized(context.peer());
  const absl::Status open = gate_ ? gate_() : absl::OkStatus();
  return open.ok() ? name : open;
}

}  // namespace bpa::gateway
