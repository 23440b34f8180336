#include "agent/executor/path.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bpa::executor {
namespace {

using ::testing::ElementsAre;

TEST(PathTest, ANameThatOnlyBeginsAlikeIsNotBelow) {
  EXPECT_TRUE(IsAtOrBelow("/opt", "/opt"));
  EXPECT_TRUE(IsAtOrBelow("/opt/bpa", "/opt"));
  EXPECT_TRUE(IsAtOrBelow("/opt", "/"));
  EXPECT_FALSE(IsAtOrBelow("/optional", "/opt"));
  EXPECT_FALSE(IsAtOrBelow("/opt", "/opt/bpa"));
}

TEST(PathTest, TheParentOfATopDirectoryIsTheRoot) {
  EXPECT_EQ(ParentOf("/opt"), "/");
  EXPECT_EQ(ParentOf("/opt/bpa"), "/opt");
}

TEST(PathTest, JoinsBelowTheRootWithoutADoubledSlash) {
  EXPECT_EQ(JoinPath("/", "opt"), "/opt");
  EXPECT_EQ(JoinPath("/opt", "bpa"), "/opt/bpa");
}

TEST(PathTest, ListsAllFromTheRootDown) {
  EXPECT_THAT(PathsBetween("/opt/bpa", "/opt/bpa/data/elk"),
              ElementsAre("/opt/bpa", "/opt/bpa/data", "/opt/bpa/data/elk"));
  EXPECT_THAT(PathsBetween("/opt", "/opt"), ElementsAre("/opt"));
}

TEST(PathTest, TakesTheLongestRoot) {
  EXPECT_EQ(NearestRoot({"/opt", "/opt/bpa", "/opt/b"}, "/opt/bpa/data"), "/opt/bpa");
  EXPECT_EQ(NearestRoot({"/opt"}, "/srv"), "");
}

}  // namespace
}  // namespace bpa::executor
