#include "agent/executor/policy.h"

#include "gtest/gtest.h"
#include "tests/agent/executor/support.h"

namespace bpa::executor {
namespace {

constexpr auto kDenied = absl::StatusCode::kPermissionDenied;

TEST(PolicyTest, DeniesEverythingByDefault) {
  const Policy policy;
  EXPECT_THAT(CheckSysctlAllowed(policy, "vm.swappiness"),
              StatusIs(kDenied, "policy.sysctls in agent.yaml allows none"));
  EXPECT_THAT(CheckDirectoryAllowed(policy, "/opt"), StatusIs(kDenied, "policy.directory_roots"));
  EXPECT_THAT(CheckPackageAllowed(policy, "/opt"), StatusIs(kDenied, "policy.package_roots"));
  EXPECT_THAT(CheckMountPointAllowed(policy, "/opt"), StatusIs(kDenied, "policy.mount_points"));
  EXPECT_THAT(CheckFilesystemAllowed(policy, "xfs"), StatusIs(kDenied, "policy.filesystems"));
  EXPECT_THAT(CheckModelAllowed(policy, "X"), StatusIs(kDenied, "policy.volume_models"));
  EXPECT_THAT(CheckDevicePathAllowed(policy, "/dev/sda"), StatusIs(kDenied, "policy.device_paths"));
  EXPECT_FALSE(policy.allow_apply || policy.allow_format || policy.allow_migrate ||
               policy.allow_grow || policy.allow_reset);
}

TEST(PolicyTest, NamesTheValueAndWhatTheListHolds) {
  EXPECT_THAT(
      CheckSysctlAllowed({.sysctls = {"vm.max_map_count", "vm.swappiness"}}, "kernel.panic"),
      StatusIs(kDenied,
               "sysctl 'kernel.panic' is not allowed on this node: "
               "policy.sysctls in agent.yaml allows only "
               "[vm.max_map_count, vm.swappiness]"));
}

TEST(PolicyTest, AllowsARootAndWhatIsBelowItButNotItsNamesakes) {
  const Policy policy{.directory_roots = {"/opt/bpa"}};
  EXPECT_THAT(CheckDirectoryAllowed(policy, "/opt/bpa"), IsOk());
  EXPECT_THAT(CheckDirectoryAllowed(policy, "/opt/bpa/data/kafka1"), IsOk());
  EXPECT_THAT(CheckDirectoryAllowed(policy, "/opt/bpa2"), StatusIs(kDenied, "'/opt/bpa2'"));
  EXPECT_THAT(CheckDirectoryAllowed(policy, "/opt"), StatusIs(kDenied, "'/opt'"));
}

TEST(PolicyTest, AllowsPackagesOnlyWhereARootOfTheirOwnIs) {
  const Policy policy{.directory_roots = {"/opt/bpa"}, .package_roots = {"/opt/bpa/packages"}};
  EXPECT_THAT(CheckPackageAllowed(policy, "/opt/bpa/packages"), IsOk());
  EXPECT_THAT(CheckPackageAllowed(policy, "/opt/bpa/packages/8.1"), IsOk());
  EXPECT_THAT(CheckPackageAllowed(policy, "/opt/bpa/data"),
              StatusIs(kDenied,
                       "package destination '/opt/bpa/data' is not allowed on this node: "
                       "policy.package_roots in agent.yaml allows only [/opt/bpa/packages]"));
}

TEST(PolicyTest, AllowsExactMountPointsFilesystemsModelsAndSysctlsOnly) {
  const Policy policy{.sysctls = {"vm.max_map_count"},
                      .mount_points = {"/opt"},
                      .filesystems = {"xfs"},
                      .volume_models = {"Amazon Elastic Block Store"}};
  EXPECT_THAT(CheckSysctlAllowed(policy, "vm.max_map_count"), IsOk());
  EXPECT_THAT(CheckSysctlAllowed(policy, "vm.max_map_count2"), StatusIs(kDenied, ""));
  EXPECT_THAT(CheckMountPointAllowed(policy, "/opt"), IsOk());
  EXPECT_THAT(CheckMountPointAllowed(policy, "/opt/x"), StatusIs(kDenied, ""));
  EXPECT_THAT(CheckFilesystemAllowed(policy, "xfs"), IsOk());
  EXPECT_THAT(CheckFilesystemAllowed(policy, "ext4"), StatusIs(kDenied, ""));
  EXPECT_THAT(CheckModelAllowed(policy, "Amazon Elastic Block Store"), IsOk());
  EXPECT_THAT(CheckModelAllowed(policy, "Amazon EC2 NVMe Instance Storage"), StatusIs(kDenied, ""));
}

TEST(PolicyTest, LetsAStarStandForTheEndOfOneName) {
  const Policy policy{.device_paths = {"/dev/loop*", "/dev/vdb"}};
  EXPECT_THAT(CheckDevicePathAllowed(policy, "/dev/loop12"), IsOk());
  EXPECT_THAT(CheckDevicePathAllowed(policy, "/dev/vdb"), IsOk());
  EXPECT_THAT(CheckDevicePathAllowed(policy, "/dev/loop"), StatusIs(kDenied, ""));
  EXPECT_THAT(CheckDevicePathAllowed(policy, "/dev/loop/0"), StatusIs(kDenied, ""));
  EXPECT_THAT(CheckDevicePathAllowed(policy, "/dev/vdb1"), StatusIs(kDenied, ""));
}

}  // namespace
}  // namespace bpa::executor
