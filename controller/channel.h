// TLS channels to nodes.
#ifndef BPA_CONTROLLER_CHANNEL_H_
#define BPA_CONTROLLER_CHANNEL_H_

#include <grpcpp/channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include <memory>
#include <string>

#include "absl/time/time.h"
#include "controller/cluster.h"
#include "controller/home.h"

namespace bpa::controller {

// `address` as a gRPC target: "ipv4:" and "ipv6:" for numeric ones, so that no resolver is started,
// and "dns:///" for host names. Without a port, kDefaultPort.
std::string ChannelTarget(const std::string& address);

// What every channel to a node has in common: see Dialer::Dial.
grpc::ChannelArguments NodeChannelArguments(absl::Duration connect_timeout);

// Makes channels that present one client identity. Cheap until the first Dial. Single-threaded.
class Dialer {
 public:
  explicit Dialer(const ClientIdentity& identity);

  // A new connection of its own, made when it is first used. The node must prove with a certificate
  // of our CA that it is `node.name`, whatever its address. TLS 1.3 with our gateways; gRPC 1.51
  // has no public way to refuse 1.2, of which it offers only ECDHE with AEAD. `connect_timeout`
  // bounds TCP and TLS together. No proxy, no retries of gRPC's own, no name service for
  // configuration; a peer that vanished is noticed within a minute.
  std::shared_ptr<grpc::Channel> Dial(const Node& node, absl::Duration connect_timeout) const;

 private:
  std::shared_ptr<grpc::ChannelCredentials> credentials_;
};

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_CHANNEL_H_
