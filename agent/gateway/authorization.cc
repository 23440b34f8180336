#include "agent/gateway/authorization.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace bpa::gateway {
namespace {

bool IsName(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return absl::ascii_isalnum(c) || c == '.' || c == '_' || c == '-' || c == '@';
  });
}

}  // namespace

absl::StatusOr<std::string> AuthorizePeer(const std::vector<std::string>& uris,
                                          std::string_view cluster) {
  const std::string prefix = absl::StrCat("bpa://", std::string(cluster), "/controller/");
  for (const std::string& uri : uris) {
    if (uri.starts_with(prefix) && IsName(std::string_view(uri).substr(prefix.size()))) {
      return uri.substr(prefix.size());
    }
  }
  return absl::PermissionDeniedError(absl::StrCat(
      "the client's certificate is for ",
      uris.empty() ? "nobody" : absl::CHexEscape(absl::StrJoin(uris, ", ")), ", expected is ",
      prefix, "<name>: use the client certificate that `bpactl init` made for this cluster"));
}

}  // namespace bpa::gateway
