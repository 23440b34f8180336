#include "agent/executor/linux/mountinfo.h"

#include <gtest/gtest.h>
#include <sys/sysmacros.h>

#include <string>
#include <vector>

#include "agent/executor/path.h"

namespace bpa::executor {
namespace {

TEST(MountInfoTest, ReadsLinesAsTheKernelWritesThem) {
  const std::vector<MountEntry> mounts =
      ParseMountInfo(
          "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue\n"
          "22 27 0:21 / /proc rw,relatime - proc proc rw\n"
          "40 27 259:1048575 / /opt rw shared:2 master:7 propagate_from:3 - xfs /dev/nvme1n1 rw\n")
          .value();
  ASSERT_EQ(mounts.size(), 3U);
  EXPECT_EQ(mounts[0].device_number, makedev(98, 0));
  EXPECT_EQ(mounts[0].root, "/mnt1");
  EXPECT_EQ(mounts[0].mount_point, "/mnt2");
  EXPECT_EQ(mounts[0].filesystem, "ext3");
  EXPECT_EQ(mounts[0].source, "/dev/root");
  EXPECT_EQ(mounts[0].options, "rw,noatime,rw,errors=continue");
  EXPECT_EQ(mounts[1].mount_point, "/proc");
  EXPECT_EQ(mounts[2].device_number, makedev(259, 1048575));
  EXPECT_EQ(mounts[2].source, "/dev/nvme1n1");
}

TEST(MountInfoTest, UndoesOctalEscapesOnceAndOnlyTrueOnes) {
  const std::vector<MountEntry> mounts =
      ParseMountInfo(R"(1 2 0:5 /a\040b /tab\011nl\012bs\134040 rw - tmpfs none\043 rw,x=\04)"
                     "\n")
          .value();
  ASSERT_EQ(mounts.size(), 1U);
  EXPECT_EQ(mounts[0].root, "/a b");
  EXPECT_EQ(mounts[0].mount_point, "/tab\tnl\nbs\\040");
  EXPECT_EQ(mounts[0].source, "none#");
  EXPECT_EQ(mounts[0].options, "rw,rw,x=\\04");
}

TEST(MountInfoTest, AcceptsEmptySourcesAndAMissingLastNewline) {
  const std::vector<MountEntry> mounts =
      ParseMountInfo("1 2 0:5 / /a rw - tmpfs  rw\n1 2 0:5 / /b rw - tmpfs none rw").value();
  ASSERT_EQ(mounts.size(), 2U);
  EXPECT_EQ(mounts[0].source, "");
  EXPECT_EQ(mounts[1].mount_point, "/b");
}

TEST(MountInfoTest, RefusesWhatItDoesNotUnderstand) {
  for (const char* text :
       {"\n", "garbage\n", "1 2 3 / / rw - ext4 /dev/x rw\n", "1 2 a:b / / rw - ext4 /dev/x rw\n",
        "1 2 8:1:1 / / rw - ext4 /dev/x rw\n", "1 2 8:1 / / rw ext4 /dev/x rw\n",
        "1 2 8:1 / / rw - ext4 /dev/x\n", "1 2 -8:1 / / rw - ext4 /dev/x rw\n",
        "1 2 8:1 / / rw - ext4 /dev/x rw\n\n1 2 8:1 / / rw - ext4 /dev/x rw\n"}) {
    EXPECT_EQ(ParseMountInfo(text).status().code(), absl::StatusCode::kInternal) << text;
  }
  EXPECT_TRUE(ParseMountInfo("").value().empty());
}

TEST(MountInfoTest, KnowsWhatIsBelowADirectory) {
  EXPECT_TRUE(IsAtOrBelow("/opt", "/opt"));
  EXPECT_TRUE(IsAtOrBelow("/opt/bpa", "/opt"));
  EXPECT_TRUE(IsAtOrBelow("/opt", "/"));
  EXPECT_FALSE(IsAtOrBelow("/optional", "/opt"));
  EXPECT_FALSE(IsAtOrBelow("/op", "/opt"));
  EXPECT_FALSE(IsAtOrBelow("", "/"));
}

}  // namespace
}  // namespace bpa::executor
