// Socket addresses as people write them and as gRPC names them.
#ifndef BPA_AGENT_GATEWAY_ADDRESS_H_
#define BPA_AGENT_GATEWAY_ADDRESS_H_

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace bpa::gateway {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
  // 0 for an address that is neither IPv4 nor IPv6.
  uint16_t port() const;
};

// "10.0.0.7:7443" or "[::]:7443". Numbers only: a name would bring DNS into the start of the node's
// agent. InvalidArgument says what is wrong with `text`.
absl::StatusOr<SocketAddress> ParseSocketAddress(std::string_view text);

// Exactly as grpc::ServerContext::peer() has it: "ipv4:10.0.0.7:4242", "ipv6:%5B::1%5D:4242".
// An IPv4 address mapped into IPv6 counts as IPv4. Empty for another family.
std::string PeerUri(const SocketAddress& address);

}  // namespace bpa::gateway

#endif  // BPA_AGENT_GATEWAY_ADDRESS_H_
