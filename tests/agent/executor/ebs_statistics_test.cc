#include "agent/executor/ebs_statistics.h"

#include <string>

#include "gtest/gtest.h"

namespace bpa::executor {
namespace {

// The counters are 1 to 11, with bytes from elsewhere after them.
std::string Page() {
  std::string page("\x10\xb5\x23\x3c\0\0\0\0", 8);
  for (int i = 1; i <= 11; ++i) page += std::string(1, static_cast<char>(i)) + std::string(7, '\0');
  page.resize(4096, '\xff');
  return page;
}

TEST(EbsStatisticsTest, ReadsTheCountersInTheirOrder) {
  const auto statistics = ParseEbsStatistics(Page());
  ASSERT_TRUE(statistics.has_value());
  EXPECT_EQ(statistics->read_ops(), 1u);
  EXPECT_EQ(statistics->write_ops(), 2u);
  EXPECT_EQ(statistics->read_bytes(), 3u);
  EXPECT_EQ(statistics->write_bytes(), 4u);
  EXPECT_EQ(statistics->read_micros(), 5u);
  EXPECT_EQ(statistics->write_micros(), 6u);
  EXPECT_EQ(statistics->volume_iops_exceeded_micros(), 7u);
  EXPECT_EQ(statistics->volume_throughput_exceeded_micros(), 8u);
  EXPECT_EQ(statistics->instance_iops_exceeded_micros(), 9u);
  EXPECT_EQ(statistics->instance_throughput_exceeded_micros(), 10u);
  EXPECT_EQ(statistics->queue_length(), 11u);
}

TEST(EbsStatisticsTest, ReadsAllEightBytesOfACounter) {
  std::string page = Page();
  page.replace(8, 8, "\xfe\xff\xff\xff\xff\xff\xff\xff");
  EXPECT_EQ(ParseEbsStatistics(page)->read_ops(), 0xfffffffffffffffeu);
}

TEST(EbsStatisticsTest, TakesNothingElseForIt) {
  std::string page = Page();
  page[0] = '\x11';
  EXPECT_FALSE(ParseEbsStatistics(page).has_value()) << "another magic";
  EXPECT_FALSE(ParseEbsStatistics(std::string(4096, '\0')).has_value()) << "an empty page";
  EXPECT_FALSE(ParseEbsStatistics(Page().substr(0, 95)).has_value()) << "cut short";
  EXPECT_TRUE(ParseEbsStatistics(Page().substr(0, 96)).has_value());
  EXPECT_FALSE(ParseEbsStatistics("").has_value());
}

}  // namespace
}  // namespace bpa::executor
