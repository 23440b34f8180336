#include "agent/gateway/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <cstring>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace bpa::gateway {
namespace {

absl::Status NotAnAddress(std::string_view text) {
  return absl::InvalidArgumentError(
      absl::StrCat("'", std::string(text),
                   "' is not an address to listen on: expected 0.0.0.0:7443 or [::]:7443"));
}

template <typename T>
T As(const SocketAddress& address) {
  // Copied rather than cast: no alignment or aliasing to think about.
  T value;
  std::memcpy(&value, &address.storage, sizeof value);
  return value;
}

std::string Text(int family, const void* bytes) {
  char text[INET6_ADDRSTRLEN];
  return inet_ntop(family, bytes, text, sizeof text) == nullptr ? "" : text;
}

}  // namespace

uint16_t SocketAddress::port() const {
  if (storage.ss_family == AF_INET) return ntohs(As<sockaddr_in>(*this).sin_port);
  if (storage.ss_family == AF_INET6) return ntohs(As<sockaddr_in6>(*this).sin6_port);
  return 0;
}

absl::StatusOr<SocketAddress> ParseSocketAddress(std::string_view text) {
  const size_t colon = text.rfind(':');
  uint32_t port = 0;
  if (colon == std::string_view::npos || text.size() - colon > 6 ||
      text.find_first_not_of("0123456789", colon + 1) != std::string_view::npos ||
      !absl::SimpleAtoi(std::string(text.substr(colon + 1)), &port) || port > 65535) {
    return NotAnAddress(text);
  }
  std::string host(text.substr(0, colon));
  SocketAddress address;
  sockaddr_in v4{.sin_family = AF_INET, .sin_port = htons(static_cast<uint16_t>(port))};
  sockaddr_in6 v6{.sin6_family = AF_INET6, .sin6_port = htons(static_cast<uint16_t>(port))};
  if (inet_pton(AF_INET, host.c_str(), &v4.sin_addr) == 1) {
    std::memcpy(&address.storage, &v4, sizeof v4);
    address.length = sizeof v4;
    return address;
  }
  if (host.size() < 3 || host.front() != '[' || host.back() != ']') return NotAnAddress(text);
  host = host.substr(1, host.size() - 2);
  if (inet_pton(AF_INET6, host.c_str(), &v6.sin6_addr) != 1) return NotAnAddress(text);
  std::memcpy(&address.storage, &v6, sizeof v6);
  address.length = sizeof v6;
  return address;
}

std::string PeerUri(const SocketAddress& address) {
  if (address.storage.ss_family == AF_INET) {
    const auto v4 = As<sockaddr_in>(address);
    return absl::StrCat("ipv4:", Text(AF_INET, &v4.sin_addr), ":", address.port());
  }
  if (address.storage.ss_family != AF_INET6) return "";
  const auto v6 = As<sockaddr_in6>(address);
  if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
    return absl::StrCat("ipv4:", Text(AF_INET, &v6.sin6_addr.s6_addr[12]), ":", address.port());
  }
  return absl::StrCat("ipv6:%5B", Text(AF_INET6, &v6.sin6_addr), "%5D:", address.port());
}

}  // namespace bpa::gateway
