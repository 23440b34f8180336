#include "agent/executor/config.h"

#include <sys/stat.h>

#include <string>
#include <vector>

#include "absl/strings/str_replace.h"
#include "gtest/gtest.h"
#include "tests/agent/executor/support.h"

namespace bpa::executor {
namespace {

constexpr char kFull[] = R"(cluster: bpa-prod
node: node-1
gateway:
  listen: 0.0.0.0:7443
  anything: the executor does not look
executor:
  gateway_user: bpa-gateway
  trusted_signers: /etc/bpa/trusted.d
  report_key: /etc/bpa/report.key
  state: /var/lib/bpa
  idle_timeout: 45s
policy:
  allow: [apply, format, migrate, grow, reset]
  sysctls: [vm.max_map_count]
  directory_roots: [/opt/bpa]
  package_roots: [/opt/bpa/packages]
  mount_points: [/opt]
  filesystems: [xfs, ext4]
  volume_models: [Amazon Elastic Block Store]
  device_paths: [/dev/loop*]
  thresholds: {apply: 1, format: 2, reset: 3}
  max_validity: 30m
  max_clock_skew: 1m
)";

TEST(ConfigTest, ReadsEverySettingOfItsOwn) {
  const absl::StatusOr<Config> config = ParseConfig(kFull, "agent.yaml");
  ASSERT_THAT(config, IsOk());
  EXPECT_EQ(config->cluster, "bpa-prod");
  EXPECT_EQ(config->node, "node-1");
  EXPECT_EQ(config->gateway_user, "bpa-gateway");
  EXPECT_EQ(config->trusted_signers, "/etc/bpa/trusted.d");
  EXPECT_EQ(config->report_key, "/etc/bpa/report.key");
  EXPECT_EQ(config->state, "/var/lib/bpa");
  EXPECT_EQ(config->idle_timeout, absl::Seconds(45));
  const Policy& policy = config->policy;
  EXPECT_TRUE(policy.allow_apply && policy.allow_format && policy.allow_migrate &&
              policy.allow_grow && policy.allow_reset);
  EXPECT_THAT(policy.sysctls, testing::ElementsAre("vm.max_map_count"));
  EXPECT_THAT(policy.directory_roots, testing::ElementsAre("/opt/bpa"));
  EXPECT_THAT(policy.package_roots, testing::ElementsAre("/opt/bpa/packages"));
  EXPECT_THAT(policy.mount_points, testing::ElementsAre("/opt"));
  EXPECT_THAT(policy.filesystems, testing::ElementsAre("xfs", "ext4"));
  EXPECT_THAT(policy.volume_models, testing::ElementsAre("Amazon Elastic Block Store"));
  EXPECT_THAT(policy.device_paths, testing::ElementsAre("/dev/loop*"));
  EXPECT_EQ(policy.apply_threshold, 1);
  EXPECT_EQ(policy.format_threshold, 2);
  EXPECT_EQ(policy.reset_threshold, 3);
  EXPECT_EQ(policy.max_validity, absl::Minutes(30));
  EXPECT_EQ(policy.max_clock_skew, absl::Minutes(1));
}

TEST(ConfigTest, AllowsNothingWithoutAPolicy) {
  const absl::StatusOr<Config> config = ParseConfig("cluster: c\nnode: n\n", "agent.yaml");
  ASSERT_THAT(config, IsOk());
  EXPECT_EQ(config->gateway_user, "bpa-agent");
  EXPECT_EQ(config->state, "/var/lib/bpa-agent");
  EXPECT_FALSE(config->policy.allow_apply);
  EXPECT_TRUE(config->policy.sysctls.empty());
}

TEST(ConfigTest, RefusesWhatItDoesNotUnderstandAndSaysWhere) {
  struct Case {
    const char* from;
    const char* to;
    const char* message;
  };
  const std::vector<Case> cases = {
      {"cluster: bpa-prod\n", "", "cluster"},
      {"node: node-1\n", "", "node"},
      {"node: node-1", "node: node 1", "agent.yaml:2:7"},
      {"executor:", "executer:", "did you mean 'executor'?"},
      {"gateway_user:", "gateway_usr:", "agent.yaml:7:3"},
      {"state: /var/lib/bpa", "state: var/lib/bpa", "agent.yaml:10:10"},
      {"state: /var/lib/bpa", "state: /var/../lib", "is not an absolute path"},
      {"idle_timeout: 45s", "idle_timeout: 45", "agent.yaml:11"},
      {"idle_timeout: 45s", "idle_timeout: 1ms", "agent.yaml:11"},
      {"[apply, format,", "[apply, fromat,", "'fromat' is not an act"},
      {"[vm.max_map_count]", "[vm/max_map_count]", "dotted sysctl name"},
      {"[vm.max_map_count]", "[vm.a, vm.a]", "'vm.a' appears twice"},
      {"[vm.max_map_count]", "vm.max_map_count", "agent.yaml:14"},
      {"[/opt/bpa]", "[/]", "agent.yaml:15"},
      {"[xfs, ext4]", "[xfs, btrfs]", "'btrfs' is not xfs or ext4"},
      {"[/dev/loop*]", "[/dev/*/x]", "path below /dev"},
      {"[/dev/loop*]", "[/etc/*]", "path below /dev"},
      {"{apply: 1,", "{apply: 0,", "agent.yaml:21"},
      {"{apply: 1,", "{appyl: 1,", "did you mean 'apply'?"},
      {"max_validity: 30m", "max_validity: 0s", "agent.yaml:22"},
      {"max_clock_skew: 1m", "max_clock_skew: 2h", "agent.yaml:23"},
  };
  for (const Case& bad : cases) {
    const std::string text = absl::StrReplaceAll(kFull, {{bad.from, bad.to}});
    ASSERT_NE(text, kFull) << bad.from;
    EXPECT_THAT(ParseConfig(text, "agent.yaml"),
                StatusIs(absl::StatusCode::kInvalidArgument, bad.message))
        << bad.to;
  }
}

TEST(ConfigTest, RefusesAFileThatOthersCanWrite) {
  const TemporaryDirectory directory;
  const std::string path = directory / "agent.yaml";
  WriteFile(path, kFull);
  EXPECT_THAT(LoadConfig(path), IsOk());
  for (const unsigned mode : {0664u, 0646u}) {
    ASSERT_EQ(chmod(path.c_str(), mode), 0);
    EXPECT_THAT(LoadConfig(path), StatusIs(absl::StatusCode::kFailedPrecondition, "chmod"));
  }
  EXPECT_THAT(LoadConfig(directory / "none.yaml"),
              StatusIs(absl::StatusCode::kNotFound, "none.yaml"));
}

}  // namespace
}  // namespace bpa::executor
