#include "agent/gateway/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/agent/gateway/scratch.h"

namespace bpa::gateway {
namespace {

using testing::HasSubstr;

constexpr char kWhole[] = R"(cluster: bpa-prod
node: node-1
gateway:
  listen: 127.0.0.1:17443
  ca: /a/ca.pem
  certificate: /a/node.pem
  key: /a/node.key
  executor_socket: /run/x.sock
  max_connections: 3
  command_timeout: 90s
  metrics_listen: "[::1]:9000"
  drift_interval: 10m
  reflection: true
executor:
  whatever: [the, executor, says]
policy:
  allow: [apply]
)";

TEST(GatewayConfigTest, ReadsItsOwnSectionAndLeavesTheOthersAlone) {
  const auto config = ParseConfig(kWhole, "agent.yaml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->cluster, "bpa-prod");
  EXPECT_EQ(config->node, "node-1");
  EXPECT_EQ(PeerUri(config->listen), "ipv4:127.0.0.1:17443");
  EXPECT_EQ(config->ca, "/a/ca.pem");
  EXPECT_EQ(config->certificate, "/a/node.pem");
  EXPECT_EQ(config->key, "/a/node.key");
  EXPECT_EQ(config->executor_socket, "/run/x.sock");
  EXPECT_EQ(config->max_connections, 3);
  EXPECT_EQ(config->command_timeout, absl::Seconds(90));
  EXPECT_EQ(PeerUri(config->metrics_listen.value()), "ipv6:%5B::1%5D:9000");
  EXPECT_EQ(config->drift_interval, absl::Minutes(10));
  EXPECT_TRUE(config->reflection);
}

TEST(GatewayConfigTest, HasDefaultsForAllButItsNames) {
  const auto config = ParseConfig("cluster: c\nnode: n\n", "agent.yaml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(PeerUri(config->listen), "ipv4:0.0.0.0:7443");
  EXPECT_EQ(config->key, "/etc/bpa-agent/tls/node.key");
  EXPECT_EQ(config->executor_socket, "/run/bpa-agent/executor.sock");
  EXPECT_EQ(config->max_connections, 64);
  EXPECT_EQ(config->command_timeout, absl::Minutes(30));
  EXPECT_EQ(PeerUri(config->metrics_listen.value()), "ipv4:127.0.0.1:7444");
  EXPECT_EQ(config->drift_interval, absl::Minutes(5));
  EXPECT_FALSE(config->reflection);
}

TEST(GatewayConfigTest, SwitchesMonitoringAndObservingOff) {
  const auto config = ParseConfig(
      "cluster: c\nnode: n\ngateway: {metrics_listen: off, drift_interval: off}\n", "agent.yaml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_FALSE(config->metrics_listen.has_value());
  EXPECT_EQ(config->drift_interval, absl::InfiniteDuration());
}

struct Bad {
  const char* text;
  const char* complaint;
};

class GatewayConfigBadTest : public testing::TestWithParam<Bad> {};

TEST_P(GatewayConfigBadTest, IsRefusedWithItsPlace) {
  const auto config = ParseConfig(GetParam().text, "agent.yaml");
  EXPECT_EQ(config.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(config.status().message()),
              testing::AllOf(HasSubstr("agent.yaml:"), HasSubstr(GetParam().complaint)));
}

#define NAMES "cluster: c\nnode: n\n"
INSTANTIATE_TEST_SUITE_P(
    Table, GatewayConfigBadTest,
    testing::Values(Bad{"node: n\n", "cluster"}, Bad{"cluster: c\n", "node"},
                    Bad{"cluster: a/b\nnode: n\n", "expected a name"},
                    Bad{"cluster: ''\nnode: n\n", "expected a name"},
                    Bad{NAMES "gatway: {}\n", "gateway"},
                    Bad{NAMES "gateway: {listne: '0.0.0.0:1'}\n", "listen"},
                    Bad{NAMES "gateway: {listen: node-1:7443}\n", "expected 0.0.0.0:7443"},
                    Bad{NAMES "gateway: {listen: 7443}\n", "expected 0.0.0.0:7443"},
                    Bad{NAMES "gateway: {ca: ca.pem}\n", "absolute path"},
                    Bad{NAMES "gateway: {key: ''}\n", "absolute path"},
                    Bad{NAMES "gateway: {max_connections: 0}\n", "max_connections"},
                    Bad{NAMES "gateway: {max_connections: 4097}\n", "max_connections"},
                    Bad{NAMES "gateway: {command_timeout: 0s}\n", "command_timeout"},
                    Bad{NAMES "gateway: {command_timeout: 25h}\n", "command_timeout"},
                    Bad{NAMES "gateway: {metrics_listen: localhost}\n", "expected 0.0.0.0:7443"},
                    Bad{NAMES "gateway: {drift_interval: 999ms}\n", "drift_interval"},
                    Bad{NAMES "gateway: {drift_interval: never}\n", "drift_interval"},
                    Bad{NAMES "gateway: {reflection: maybe}\n", "reflection"},
                    Bad{NAMES "gateway: [listen]\n", "gateway"}));
#undef NAMES

TEST(GatewayConfigTest, RefusesASocketPathThatDoesNotFitIntoAnAddress) {
  const std::string path = "/" + std::string(107, 'x');
  const auto config =
      ParseConfig("cluster: c\nnode: n\ngateway: {executor_socket: " + path + "}\n", "agent.yaml");
  EXPECT_EQ(config.status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(GatewayConfigTest, RefusesAFileThatOthersMayWrite) {
  const Scratch scratch;
  EXPECT_TRUE(LoadConfig(scratch.Write("good.yaml", "cluster: c\nnode: n\n", 0644)).ok());
  const auto config = LoadConfig(scratch.Write("bad.yaml", "cluster: c\nnode: n\n", 0664));
  EXPECT_EQ(config.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(config.status().message()), HasSubstr("chmod"));
}

}  // namespace
}  // namespace bpa::gateway
