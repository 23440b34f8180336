#include "agent/executor/describe.h"

#include "gtest/gtest.h"

namespace bpa::executor {
namespace {

TEST(DescribeTest, BytesGetTheUnitThatReadsBest) {
  EXPECT_EQ(DescribeBytes(0), "0 B");
  EXPECT_EQ(DescribeBytes(1023), "1023 B");
  EXPECT_EQ(DescribeBytes(1536), "1.5 KiB");
  EXPECT_EQ(DescribeBytes(4ULL << 30), "4.0 GiB");
  EXPECT_EQ(DescribeBytes(2ULL << 40), "2.0 TiB");
  EXPECT_EQ(DescribeBytes(UINT64_MAX), "16.0 EiB");
}

TEST(DescribeTest, CountsEntries) {
  EXPECT_EQ(DescribeTree({.entries = 1, .bytes = 0}), "1 entry, 0 B");
  EXPECT_EQ(DescribeTree({.entries = 37, .bytes = 12897485}), "37 entries, 12.3 MiB");
}

TEST(DescribeTest, ModesHaveFourDigits) {
  EXPECT_EQ(DescribeMode(0777), "0777");
  EXPECT_EQ(DescribeMode(02775), "2775");
  EXPECT_EQ(DescribeMode(0), "0000");
}

TEST(DescribeTest, NamesFiveProcessesAndCountsTheRest) {
  std::vector<ProcessUse> uses;
  for (int pid = 1; pid <= 7; ++pid) uses.push_back({pid, "kafka", "/opt/a", true});
  EXPECT_EQ(DescribeUses({uses[0]}), "kafka (pid 1) holds /opt/a");
  const std::string text = DescribeUses(uses);
  EXPECT_NE(text.find("(pid 5) holds /opt/a and 2 more"), std::string::npos) << text;
  EXPECT_EQ(text.find("pid 6"), std::string::npos);
}

TEST(DescribeTest, ContextKeepsTheCode) {
  EXPECT_EQ(InContext("fstab", absl::AbortedError("moved")), absl::AbortedError("fstab: moved"));
  EXPECT_TRUE(InContext("fstab", absl::OkStatus()).ok());
}

}  // namespace
}  // namespace bpa::executor
