#include "agent/gateway/describe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/utsname.h>

#include "absl/time/clock.h"

namespace bpa::gateway {
namespace {

TEST(DescribeTest, FindsThePrettyName) {
  EXPECT_EQ(PrettyName("NAME=x\nPRETTY_NAME=\"Amazon Linux 2023\"\n"), "Amazon Linux 2023");
  EXPECT_EQ(PrettyName("PRETTY_NAME='Debian'"), "Debian");
  EXPECT_EQ(PrettyName("PRETTY_NAME=Plain\n"), "Plain");
  EXPECT_EQ(PrettyName("PRETTY_NAME=\"\n"), "\"");
  EXPECT_EQ(PrettyName("#PRETTY_NAME=x\n"), "");
  EXPECT_EQ(PrettyName(""), "");
}

TEST(DescribeTest, SaysWhatThisMachineIs) {
  const absl::Time before = absl::Now();
  const auto description = DescribeNode({.cluster = "c", .node = "n"}, absl::FromUnixSeconds(7));
  utsname names;
  ASSERT_EQ(uname(&names), 0);
  EXPECT_EQ(description.cluster(), "c");
  EXPECT_EQ(description.node(), "n");
  EXPECT_EQ(description.agent_version(), BPA_VERSION);
  EXPECT_EQ(description.kernel_release(), names.release);
  EXPECT_EQ(description.architecture(), names.machine);
  EXPECT_GE(description.now_unix_millis(), absl::ToUnixMillis(before));
  EXPECT_EQ(description.certificate_expires_at_unix_millis(), 7000);
  EXPECT_THAT(description.capabilities(),
              testing::UnorderedElementsAre("sysctl", "directory", "reset", "volume", "package"));
}

}  // namespace
}  // namespace bpa::gateway
