// agent.yaml as the executor reads it. Read once at start: the executor leaves when idle, so a
// change takes effect with the next start (`systemctl restart bpa-executor` at the latest).
#ifndef BPA_AGENT_EXECUTOR_CONFIG_H_
#define BPA_AGENT_EXECUTOR_CONFIG_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/executor/policy.h"

namespace bpa::executor {

inline constexpr char kDefaultConfigPath[] = "/etc/bpa-agent/agent.yaml";

struct Config {
  std::string cluster;
  std::string node;
  // The only user who may connect: a name, or a decimal uid.
  std::string gateway_user = "bpa-agent";
  std::string trusted_signers = "/etc/bpa-agent/trusted-signers.d";
  std::string report_key = "/etc/bpa-agent/report.key";
  std::string join_secret = "/etc/bpa-agent/join.secret";
  std::string state = "/var/lib/bpa-agent";
  absl::Duration idle_timeout = absl::Seconds(30);
  // The gateway's TLS files, as its section has them: the executor makes the key, and writes the
  // certificate when the node is enrolled and when that is renewed.
  std::string ca = "/etc/bpa-agent/tls/ca.pem";
  std::string certificate = "/etc/bpa-agent/tls/node.pem";
  std::string key = "/etc/bpa-agent/tls/node.key";
  Policy policy;
};

// `cluster` and `node` are needed; `executor` and `policy` are not: without a policy nothing is
// allowed. Of the gateway's section only the TLS files are looked at. InvalidArgument names file,
// line and column, what is wrong and what was expected.
absl::StatusOr<Config> ParseConfig(std::string_view text, std::string_view file_name);

// Reads the file, which only root (or the caller's own uid) may be able to write.
absl::StatusOr<Config> LoadConfig(const std::string& path);

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_CONFIG_H_
