#include "agent/executor/forms.h"

#include <string>

#include "gtest/gtest.h"

namespace bpa::executor {
namespace {

TEST(FormsTest, KnowsGoodFromBadNames) {
  for (const char* good : {"a", "node-1", "ip-10-0-1-11.eu-west-1.compute.internal", "A_b.c"}) {
    EXPECT_TRUE(IsName(good)) << good;
  }
  for (const char* bad : {"", "-a", "a-", ".", "a b", "a/b", "a\n", "\xc3\xa4"}) {
    EXPECT_FALSE(IsName(bad)) << bad;
  }
}

TEST(FormsTest, KnowsGoodFromBadAccounts) {
  for (const char* good : {"root", "1000", "_apt", "a.b-c", "machine$"}) {
    EXPECT_TRUE(IsAccount(good)) << good;
  }
  for (const char* bad : {"", "$", "-1", "a:b", "a b", "a$b"}) EXPECT_FALSE(IsAccount(bad)) << bad;
}

TEST(FormsTest, KnowsGoodFromBadVolumeIds) {
  EXPECT_TRUE(IsEbsVolumeId("vol-0fab1d5e3f72a5e23"));
  EXPECT_TRUE(IsEbsVolumeId("vol-1234abcd"));
  for (const char* bad : {"", "vol-", "vol0fab1d5e3f72a5e23", "vol-0FAB1D5E3F72A5E23",
                          "vol-0fab1d5e3f72a5e2", "vol-1234abcg"}) {
    EXPECT_FALSE(IsEbsVolumeId(bad)) << bad;
  }
}

TEST(FormsTest, KnowsGoodFromBadMountOptions) {
  for (const char* good : {"", "defaults", "noatime,logbufs=8", "context=system_u:object_r:x_t"}) {
    EXPECT_TRUE(IsMountOptions(good)) << good;
  }
  for (const char* bad : {"a b", "a,", ",a", "a,,b", "a\tb", "a\\040b", "\"a\"", "a#b"}) {
    EXPECT_FALSE(IsMountOptions(bad)) << bad;
  }
}

TEST(FormsTest, QuotesWhateverComes) {
  EXPECT_EQ(Quoted("a\n'b"), "'a\\n\\'b'");
  EXPECT_EQ(Quoted(std::string(200, 'x')), "'" + std::string(80, 'x') + "...'");
}

}  // namespace
}  // namespace bpa::executor
