#include "controller/channel.h"

#include <arpa/inet.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/support/channel_arguments.h>

#include <climits>

#include "absl/strings/str_cat.h"
#include "proto/envelope.h"

namespace bpa::controller {
namespace {

// The gateway allows a ping every 20 s (its GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS):
// more often would count as an attack.
constexpr int kKeepaliveMillis = 30'000;
constexpr int kKeepaliveTimeoutMillis = 20'000;
// Room for the message around an envelope.
constexpr int kMaxMessageBytes = static_cast<int>(kMaxEnvelopeBytes) + 1024;

bool IsNumeric(int family, const std::string& host) {
  unsigned char address[sizeof(in6_addr)];
  return inet_pton(family, host.c_str(), address) == 1;
}

int Millis(absl::Duration duration) {
  const int64_t millis = absl::ToInt64Milliseconds(duration);
  return static_cast<int>(std::min<int64_t>(std::max<int64_t>(millis, 1), INT_MAX));
}

// gRPC takes itself down with its last channel, and waits for its threads: milliseconds between the
// last report and the recap. This channel is never connected, and goes with the process.
void KeepGrpcUp() {
  static const auto* const kUnused = new std::shared_ptr<grpc::Channel>(
      grpc::CreateChannel("ipv4:127.0.0.1:1", grpc::InsecureChannelCredentials()));
  static_cast<void>(kUnused);
}

}  // namespace

std::string ChannelTarget(const std::string& address) {
  const std::string default_port = absl::StrCat(":", kDefaultPort);
  if (IsNumeric(AF_INET6, address)) return absl::StrCat("ipv6:[", address, "]", default_port);
  if (address.starts_with('[')) {
    return absl::StrCat("ipv6:", address, address.ends_with(']') ? default_port : "");
  }
  const size_t colon = address.rfind(':');
  const std::string host = address.substr(0, colon);
  const std::string port = colon == std::string::npos ? default_port : address.substr(colon);
  return absl::StrCat(IsNumeric(AF_INET, host) ? "ipv4:" : "dns:///", host, port);
}

Dialer::Dialer(const ClientIdentity& identity) {
  KeepGrpcUp();
  grpc::SslCredentialsOptions options;
  options.pem_root_certs = identity.ca_certificate;
  options.pem_cert_chain = identity.certificate;
  options.pem_private_key = identity.private_key;
  credentials_ = grpc::SslCredentials(options);
}

grpc::ChannelArguments NodeChannelArguments(absl::Duration connect_timeout) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  arguments.SetInt(GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION, 1);
  arguments.SetInt(GRPC_ARG_DNS_ENABLE_SRV_QUERIES, 0);
  arguments.SetInt(GRPC_ARG_MAX_CHANNEL_TRACE_EVENT_MEMORY_PER_NODE, 0);
  // Despite its name this bounds one attempt to connect. Reconnecting is ours, on a new channel.
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, Millis(connect_timeout));
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMillis);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMillis);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  arguments.SetMaxReceiveMessageSize(kMaxMessageBytes);
  return arguments;
}

std::shared_ptr<grpc::Channel> Dialer::Dial(const Node& node,
                                            absl::Duration connect_timeout) const {
  grpc::ChannelArguments arguments = NodeChannelArguments(connect_timeout);
  arguments.SetSslTargetNameOverride(node.name);
  return grpc::CreateCustomChannel(ChannelTarget(node.address), credentials_, arguments);
}

}  // namespace bpa::controller
