// LinuxHost's sysctls and accounts, on the real /proc/sys and /etc/passwd.
#include <sys/mount.h>

#include <string>

#include "agent/executor/linux_host.h"
#include "tests/agent/executor/linux/machine.h"

namespace bpa::executor {
namespace {

class SysctlsTest : public testing::Test {
 protected:
  LinuxHost host_;
};

TEST_F(SysctlsTest, ReadsAndWritesBackTheSameValue) {
  const std::string value = host_.ReadSysctl("vm.max_map_count").value();
  EXPECT_EQ(value.find_first_not_of("0123456789"), std::string::npos) << value;
  EXPECT_THAT(host_.WriteSysctl("vm.max_map_count", value), IsOk());
  EXPECT_EQ(host_.ReadSysctl("vm.max_map_count").value(), value);
}

TEST_F(SysctlsTest, FoldsWhiteSpaceToOneBlank) {
  const std::string raw = ReadAll("/proc/sys/kernel/printk");
  ASSERT_NE(raw.find('\t'), std::string::npos);
  const std::string value = host_.ReadSysctl("kernel.printk").value();
  EXPECT_EQ(value.find_first_of("\t\n"), std::string::npos);
  EXPECT_EQ(value.find("  "), std::string::npos);
  EXPECT_NE(value.find(' '), std::string::npos);
}

TEST_F(SysctlsTest, RefusesNamesThatAreNoSysctls) {
  for (const char* name : {"", ".", "vm.", ".vm", "vm..max_map_count", "vm/max_map_count",
                           "../../etc/passwd", "vm.max map", "vm.max\n"}) {
    EXPECT_THAT(host_.ReadSysctl(name),
                FailsWith(absl::StatusCode::kInvalidArgument, "is not a sysctl name"))
        << name;
    EXPECT_THAT(host_.WriteSysctl(name, "1"),
                FailsWith(absl::StatusCode::kInvalidArgument, "is not a sysctl name"))
        << name;
  }
}

TEST_F(SysctlsTest, NamesWhatTheKernelDoesNotHaveOrRefuses) {
  EXPECT_THAT(host_.ReadSysctl("vm.no_such"),
              FailsWith(absl::StatusCode::kNotFound, "no sysctl vm.no_such"));
  EXPECT_FALSE(host_.ReadSysctl("vm").ok()) << "a directory";
  const std::string before = host_.ReadSysctl("vm.max_map_count").value();
  EXPECT_THAT(
      host_.WriteSysctl("vm.max_map_count", "many"),
      FailsWith(absl::StatusCode::kInvalidArgument, "refuses sysctl vm.max_map_count=many"));
  EXPECT_EQ(host_.ReadSysctl("vm.max_map_count").value(), before);
}

TEST_F(SysctlsTest, SaysWhenProcIsReadOnly) {
  const TestMount bind("/proc/sys", "/proc/sys", "", MS_BIND);
  ASSERT_EQ(mount("none", "/proc/sys", nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY, nullptr), 0);
  const absl::Status status = host_.WriteSysctl("vm.max_map_count", "262144");
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("Read-only file system"));
}

TEST_F(SysctlsTest, LooksUpAccountsByNameAndTakesNumbersAsTheyAre) {
  EXPECT_EQ(host_.LookUpUser("root").value(), 0U);
  EXPECT_EQ(host_.LookUpUser("nobody").value(), 65534U);
  EXPECT_EQ(host_.LookUpGroup("root").value(), 0U);
  EXPECT_EQ(host_.LookUpUser("1000").value(), 1000U);
  EXPECT_EQ(host_.LookUpGroup("4294967294").value(), 4294967294U);
}

TEST_F(SysctlsTest, RefusesAccountsThatDoNotExist) {
  for (const char* name : {"no-such-user", "", "-1", "+1", "4294967295", "4294967296", "0x10"}) {
    EXPECT_THAT(host_.LookUpUser(name),
                FailsWith(absl::StatusCode::kNotFound, std::string("no user named ") + name));
    EXPECT_THAT(host_.LookUpGroup(name),
                FailsWith(absl::StatusCode::kNotFound, std::string("no group named ") + name));
  }
}

}  // namespace
}  // namespace bpa::executor
