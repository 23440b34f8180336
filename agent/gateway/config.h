// agent.yaml as the gateway reads it, once at start.
#ifndef BPA_AGENT_GATEWAY_CONFIG_H_
#define BPA_AGENT_GATEWAY_CONFIG_H_

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/gateway/address.h"

namespace bpa::gateway {

inline constexpr char kDefaultConfigPath[] = "/etc/bpa-agent/agent.yaml";

struct Config {
  std::string cluster;
  std::string node;
  // 0.0.0.0:7443 unless told.
  SocketAddress listen;
  std::string ca = "/etc/bpa-agent/tls/ca.pem";
  std::string certificate = "/etc/bpa-agent/tls/node.pem";
  std::string key = "/etc/bpa-agent/tls/node.key";
  std::string executor_socket = "/run/bpa-agent/executor.sock";
  int max_connections = 64;
  // Where /livez, /readyz and /metrics are: this machine only unless told, since nobody has to say
  // who they are there. nullopt: nowhere.
  std::optional<SocketAddress> metrics_listen;
  // How often the executor looks for drift; InfiniteDuration: never.
  absl::Duration drift_interval = absl::Minutes(5);
  // Serves gRPC reflection, to controllers.
  bool reflection = false;
  // Longest that an Execute may take, whatever deadline the client set. The executor finishes the
  // command in any case.
  absl::Duration command_timeout = absl::Minutes(30);
};

// `cluster` and `node` are needed. The `executor` and `policy` sections are the executor's and are
// not looked into. InvalidArgument names file, line and column, and what was expected.
absl::StatusOr<Config> ParseConfig(std::string_view text, std::string_view file_name);

// Reads the file, which only root (or the caller's own uid) may be able to write.
absl::StatusOr<Config> LoadConfig(const std::string& path);

}  // namespace bpa::gateway

#endif  // BPA_AGENT_GATEWAY_CONFIG_H_
