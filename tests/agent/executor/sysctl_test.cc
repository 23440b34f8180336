#include "agent/executor/sysctl.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/agent/executor/prepared_node.h"

namespace bpa::executor {
namespace {

using ::testing::HasSubstr;

constexpr char kName[] = "vm.max_map_count";

class SysctlTest : public testing::Test {
 protected:
  SysctlTest() {
    node_.role.add_sysctls()->set_name(kName);
    AtLeast(262144);
  }
  void AtLeast(int64_t value) { node_.role.mutable_sysctls(0)->set_at_least(value); }
  void Exactly(const std::string& value) { node_.role.mutable_sysctls(0)->set_exactly(value); }

  void ExpectRefused(const std::string& message) {
    const std::string before = node_.host.Snapshot();
    for (const v1::Mode mode : {v1::MODE_PLAN, v1::MODE_APPLY, v1::MODE_VERIFY}) {
      const v1::ResourceResult result = node_.RunOne(mode);
      EXPECT_EQ(result.status(), v1::RESOURCE_STATUS_FAILED);
      EXPECT_THAT(result.message(), HasSubstr(message));
    }
    EXPECT_EQ(node_.host.Snapshot(), before);
  }
  void ExpectUnchanged() {
    const std::string before = node_.host.Snapshot();
    const v1::ResourceResult result = node_.RunOne(v1::MODE_APPLY);
    EXPECT_EQ(result.status(), v1::RESOURCE_STATUS_UNCHANGED) << result.message();
    EXPECT_EQ(node_.host.Snapshot(), before);
  }

  PreparedNode node_;
};

TEST_F(SysctlTest, SetsTheLiveValueAndTheBootValue) {
  const v1::ResourceResult plan = node_.RunOne(v1::MODE_PLAN);
  EXPECT_EQ(DescribeChanges(plan),
            "live value: 65530 -> 262144\n"
            "boot value: not set -> 262144 (/etc/sysctl.d/99-zz-bpa.conf)\n");
  const v1::ResourceResult applied = node_.RunOne(v1::MODE_APPLY);
  EXPECT_EQ(applied.status(), v1::RESOURCE_STATUS_CHANGED) << applied.message();
  EXPECT_EQ(DescribeChanges(applied), DescribeChanges(plan));
  EXPECT_EQ(node_.host.sysctls[kName], "262144");
}

TEST_F(SysctlTest, IsANoOpTheSecondTime) {
  node_.RunOne(v1::MODE_APPLY);
  ExpectUnchanged();
}

TEST_F(SysctlTest, LeavesTheHigherValueOfAnEksImageAlone) {
  node_.host.sysctls[kName] = "524288";
  node_.host.AddFile("/etc/sysctl.conf", "vm.max_map_count=524288\n");
  node_.host.AddLink("/etc/sysctl.d/99-sysctl.conf", "../sysctl.conf");
  ExpectUnchanged();
}

TEST_F(SysctlTest, ExactlyLowersAHigherValue) {
  Exactly("262144");
  node_.host.sysctls[kName] = "524288";
  node_.host.AddFile("/etc/sysctl.d/10-high.conf", "vm.max_map_count=524288\n");
  EXPECT_EQ(DescribeChanges(node_.RunOne(v1::MODE_APPLY)),
            "live value: 524288 -> 262144\n"
            "boot value: 524288 (/etc/sysctl.d/10-high.conf:1) -> 262144 "
            "(/etc/sysctl.d/99-zz-bpa.conf)\n");
}

TEST_F(SysctlTest, DoesNotTrustSysctlConfToBeReadWhereNothingLinksToIt) {
  node_.host.sysctls[kName] = "524288";
  node_.host.AddFile("/etc/sysctl.conf", "vm.max_map_count=524288\n");
  const v1::ResourceResult result = node_.RunOne(v1::MODE_APPLY);
  EXPECT_EQ(DescribeChanges(result),
            "boot value: not set -> 262144 (/etc/sysctl.d/99-zz-bpa.conf)\n");
  EXPECT_EQ(node_.host.sysctls[kName], "524288");
}

TEST_F(SysctlTest, KeepsOurOtherKeys) {
  node_.host.AddFile("/etc/sysctl.d/99-zz-bpa.conf", "vm.swappiness = 1\n");
  node_.RunOne(v1::MODE_APPLY);
  EXPECT_EQ(node_.host.Content("/etc/sysctl.d/99-zz-bpa.conf"),
            "vm.swappiness = 1\nvm.max_map_count = 262144\n");
}

TEST_F(SysctlTest, RefusesALaterFileThatOverridesOurs) {
  node_.host.AddFile("/usr/lib/sysctl.d/99-zzz.conf", "\nvm.max_map_count = 65530\n");
  ExpectRefused(
      "/usr/lib/sysctl.d/99-zzz.conf:2 sets it to 65530, and is read after "
      "/etc/sysctl.d/99-zz-bpa.conf; at least 262144 is wanted: edit or remove that line");
}

TEST_F(SysctlTest, RefusesALaterFileThatExcludesTheKey) {
  node_.host.AddFile("/etc/sysctl.d/zz.conf", "-vm.max_map_count\n");
  ExpectRefused("/etc/sysctl.d/zz.conf:1 keeps it from being set");
}

TEST_F(SysctlTest, RefusesASysctlConfThatOverridesOurs) {
  node_.host.AddFile("/etc/sysctl.conf", "vm.max_map_count = 65530\n");
  ExpectRefused("/etc/sysctl.conf:1 sets it to 65530, and is read last at boot");
}

TEST_F(SysctlTest, RefusesAMaskedFileOfOurs) {
  node_.host.AddLink("/etc/sysctl.d/99-zz-bpa.conf", "/dev/null");
  ExpectRefused("/etc/sysctl.d/99-zz-bpa.conf is not a plain file");
}

TEST_F(SysctlTest, RefusesAKeyThatTheKernelLacks) {
  node_.host.sysctls.erase(kName);
  ExpectRefused("the kernel has no sysctl vm.max_map_count");
}

TEST_F(SysctlTest, AtLeastNeedsANumber) {
  node_.host.sysctls[kName] = "4096 87380";
  ExpectRefused("is not an integer");
}

TEST_F(SysctlTest, SaysWhichValueTheKernelRefused) {
  node_.host.refused_sysctls = {kName};
  const std::string before = node_.host.Snapshot();
  const v1::ResourceResult result = node_.RunOne(v1::MODE_APPLY);
  EXPECT_EQ(result.status(), v1::RESOURCE_STATUS_FAILED);
  EXPECT_THAT(result.message(), HasSubstr("does not accept vm.max_map_count = 262144"));
  EXPECT_EQ(node_.host.Snapshot(), before);
}

TEST_F(SysctlTest, FailsWhenTheValueDoesNotReadBack) {
  node_.host.ignored_sysctls = {kName};
  const v1::ResourceResult result = node_.RunOne(v1::MODE_APPLY);
  EXPECT_EQ(result.status(), v1::RESOURCE_STATUS_FAILED);
  EXPECT_THAT(result.message(), HasSubstr("did not read back: live value is '65530'"));
}

TEST_F(SysctlTest, ComparesWithBlanksFolded) {
  node_.role.mutable_sysctls(0)->set_name("net.ipv4.tcp_rmem");
  node_.policy.sysctls = {"net.ipv4.tcp_rmem"};
  Exactly("4096 87380 6291456");
  node_.host.sysctls["net.ipv4.tcp_rmem"] = "4096\t87380\t6291456\n";
  node_.host.AddFile("/etc/sysctl.d/1.conf", "net.ipv4.tcp_rmem = 4096  87380\t6291456\n");
  ExpectUnchanged();
}

}  // namespace
}  // namespace bpa::executor
