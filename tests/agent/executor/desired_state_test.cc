#include "agent/executor/desired_state.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/agent/executor/prepared_node.h"

namespace bpa::executor {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class DesiredStateTest : public testing::Test {
 protected:
  absl::StatusOr<std::vector<PlannedResource>> Plan() {
    return PlanResources(node_.role, node_.target, node_.context, node_.policy, node_.host,
                         node_.ledger);
  }
  // Refused before anything is looked at.
  void ExpectRefused(absl::StatusCode code, const std::string& message) {
    const auto planned = Plan();
    EXPECT_EQ(planned.status().code(), code) << planned.status();
    EXPECT_THAT(std::string(planned.status().message()), HasSubstr(message));
    EXPECT_EQ(node_.faults.calls(), 0);
  }

  PreparedNode node_;
};

constexpr absl::StatusCode kDenied = absl::StatusCode::kPermissionDenied;
constexpr absl::StatusCode kInvalid = absl::StatusCode::kInvalidArgument;

TEST_F(DesiredStateTest, OrdersVolumesResetsDirectoriesSysctls) {
  node_.WantDirectory("/opt/bpa/data/z").set_mode(0777);
  node_.WantReset("/opt/bpa/data");
  node_.role.add_sysctls()->set_name("vm.max_map_count");
  node_.role.mutable_sysctls(0)->set_at_least(1);
  node_.WantVolume();
  const auto planned = Plan();
  ASSERT_TRUE(planned.ok()) << planned.status();
  std::vector<std::string> order;
  for (const PlannedResource& resource : *planned) {
    order.push_back(std::to_string(resource.resource->kind()) + " " + resource.resource->name() +
                    " below '" + resource.below_volume + "'");
  }
  EXPECT_THAT(order, ElementsAre("1 /opt below ''", "2 /opt/bpa/data below '/opt'",
                                 "3 /opt/bpa/data below '/opt'", "3 /opt/bpa/data/z below '/opt'",
                                 "4 vm.max_map_count below ''"));
  EXPECT_EQ(planned->at(3).wanted, "directory with mode 0777");
  EXPECT_EQ(node_.faults.calls(), 0);
}

TEST_F(DesiredStateTest, PathsOutsideTheRootsAreDenied) {
  node_.WantDirectory("/etc/cron.d");
  ExpectRefused(kDenied,
                "directory '/etc/cron.d' is not allowed on this node: "
                "policy.directory_roots in agent.yaml allows only [/opt/bpa]");
}

TEST_F(DesiredStateTest, PathsThatAreNotNormalAreInvalid) {
  for (const char* path :
       {"/opt/bpa/../../etc", "/opt/bpa/./x", "/opt/bpa//x", "/opt/bpa/x/", "opt/bpa", "", "/"}) {
    node_.role.clear_directories();
    node_.WantDirectory(path);
    ExpectRefused(kInvalid, "is not a normal absolute path");
  }
}

TEST_F(DesiredStateTest, SysctlNamesCannotLeaveTheirTree) {
  for (const char* name : {"vm/max_map_count", "..", "vm..max", "vm.../../etc/passwd", ".vm", "vm",
                           "vm.max map", "vm.*"}) {
    node_.role.clear_sysctls();
    node_.role.add_sysctls()->set_name(name);
    node_.role.mutable_sysctls(0)->set_at_least(1);
    ExpectRefused(kInvalid, "may hold only letters");
  }
}

TEST_F(DesiredStateTest, SysctlsNotInThePolicyAreDenied) {
  node_.role.add_sysctls()->set_name("kernel.core_pattern");
  node_.role.mutable_sysctls(0)->set_exactly("|/bin/sh");
  ExpectRefused(kDenied, "sysctl 'kernel.core_pattern' is not allowed");
}

TEST_F(DesiredStateTest, SysctlsNeedAPlainValue) {
  node_.role.add_sysctls()->set_name("vm.max_map_count");
  ExpectRefused(kInvalid, "has neither exactly nor at_least");
  node_.role.mutable_sysctls(0)->set_exactly("1\nkernel.core_pattern = x");
  ExpectRefused(kInvalid, "which is not plain words with single blanks");
}

TEST_F(DesiredStateTest, MountPointFilesystemAndDeviceMustBeAllowed) {
  node_.WantVolume();
  node_.policy.mount_points = {"/data"};
  ExpectRefused(kDenied, "mount point '/opt' is not allowed");
  node_.policy.mount_points = {"/opt"};
  node_.policy.filesystems = {"ext4"};
  ExpectRefused(kDenied, "filesystem 'xfs' is not allowed");
  node_.policy.filesystems = {"xfs"};
  node_.target.mutable_volumes(0)->set_device_path("/dev/sda");
  ExpectRefused(kDenied, "device path '/dev/sda' is not allowed");
}

TEST_F(DesiredStateTest, RoleAndTargetMustFitTogether) {
  node_.WantVolume();
  v1::VolumeSource source = node_.target.volumes(0);
  node_.target.clear_volumes();
  ExpectRefused(kInvalid, "node node-1 names no disk for it: give its volume id");
  *node_.target.add_volumes() = source;
  *node_.target.add_volumes() = source;
  ExpectRefused(kInvalid, "names two disks for /opt");
  source.set_mount_point("/data");
  *node_.target.mutable_volumes(1) = source;
  ExpectRefused(kInvalid, "names a disk for '/data', where the role wants no volume");
}

TEST_F(DesiredStateTest, NestedVolumesAreRefused) {
  node_.policy.mount_points = {"/opt", "/opt/bpa"};
  node_.WantVolume();
  v1::Volume& inner = node_.WantVolume();
  inner.set_mount_point("/opt/bpa");
  node_.target.mutable_volumes(1)->set_mount_point("/opt/bpa");
  ExpectRefused(kInvalid, "volumes /opt and /opt/bpa lie in each other");
}

TEST_F(DesiredStateTest, NothingIsThereTwice) {
  node_.WantDirectory("/opt/bpa/x");
  node_.WantDirectory("/opt/bpa/x");
  ExpectRefused(kInvalid, "/opt/bpa/x is there twice");
}

TEST_F(DesiredStateTest, ModesAreAtMostAllPermissionBits) {
  node_.WantDirectory("/opt/bpa/x").set_mode(07777);
  EXPECT_TRUE(Plan().ok());
  node_.role.mutable_directories(0)->set_mode(010000);
  ExpectRefused(kInvalid, "a mode over 07777");
}

v1::Package& WantPackage(PreparedNode& node, const std::string& destination) {
  v1::Package& package = *node.role.add_packages();
  package.set_destination(destination);
  package.set_label("8.1");
  package.set_manifest_sha256(std::string(32, '\x1f'));
  return package;
}

TEST_F(DesiredStateTest, PackagesComeLastAndSayWhatTheyAre) {
  node_.WantVolume();
  node_.policy.package_roots = {"/opt/bpa/packages"};
  WantPackage(node_, "/opt/bpa/packages");
  node_.role.add_sysctls()->set_name("vm.max_map_count");
  node_.role.mutable_sysctls(0)->set_at_least(1);
  const auto planned = Plan();
  ASSERT_TRUE(planned.ok()) << planned.status();
  EXPECT_EQ(planned->back().resource->kind(), v1::RESOURCE_KIND_PACKAGE);
  EXPECT_EQ(planned->back().below_volume, "/opt");
  EXPECT_EQ(planned->back().wanted, "8.1 (1f1f1f1f1f1f)");
}

TEST_F(DesiredStateTest, PackagesNeedARootOfTheirOwn) {
  WantPackage(node_, "/opt/bpa/packages");
  ExpectRefused(kDenied,
                "package destination '/opt/bpa/packages' is not allowed on this node: "
                "policy.package_roots in agent.yaml allows none");
  node_.policy.package_roots = {"/opt/bpa/packages"};
  node_.role.mutable_packages(0)->set_destination("/opt/bpa/packages/../data");
  ExpectRefused(kInvalid, "is not a normal absolute path");
  node_.role.mutable_packages(0)->set_destination("/opt/bpa/packages/.bpa-packages/x");
  ExpectRefused(kInvalid, "lies in what the agent keeps for itself");
}

TEST_F(DesiredStateTest, NothingLiesInAPackageThatIsExchangedWhole) {
  node_.policy.package_roots = {"/opt/bpa/packages"};
  WantPackage(node_, "/opt/bpa/packages");
  WantPackage(node_, "/opt/bpa/packages/8.1");
  ExpectRefused(kInvalid, "packages /opt/bpa/packages and /opt/bpa/packages/8.1 lie in each other");
  node_.role.mutable_packages()->RemoveLast();
  node_.WantDirectory("/opt/bpa/packages/data");
  ExpectRefused(kInvalid, "directory /opt/bpa/packages/data lies in the package");
}

}  // namespace
}  // namespace bpa::executor
