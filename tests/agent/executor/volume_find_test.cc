#include "agent/executor/volume_find.h"

#include <string>

#include "gtest/gtest.h"
#include "tests/agent/executor/prepared_node.h"

namespace bpa::executor {
namespace {

v1::VolumeSource ById(const std::string& id) {
  v1::VolumeSource source;
  source.set_ebs_volume_id(id);
  return source;
}

v1::VolumeSource ByPath(const std::string& path) {
  v1::VolumeSource source;
  source.set_device_path(path);
  return source;
}

TEST(VolumeFindTest, FindsByTheSerialInEitherForm) {
  PreparedNode node;
  for (const char* id : {kVolumeId, kVolumeSerial}) {
    const auto disk = FindVolumeDisk(ById(id), node.policy, node.host);
    ASSERT_TRUE(disk.ok()) << disk.status();
    EXPECT_EQ(disk->node, "/dev/nvme1n1");
  }
}

TEST(VolumeFindTest, APrefixOfASerialIsAnotherVolume) {
  PreparedNode node;
  EXPECT_TRUE(
      absl::IsNotFound(FindVolumeDisk(ById("vol-0fab1d5e"), node.policy, node.host).status()));
}

TEST(VolumeFindTest, DevicePathsNeedThePolicy) {
  PreparedNode node;
  EXPECT_TRUE(absl::IsPermissionDenied(
      FindVolumeDisk(ByPath("/dev/nvme1n1"), node.policy, node.host).status()));
  node.policy.device_paths = {"/dev/nvme1n1"};
  EXPECT_TRUE(FindVolumeDisk(ByPath("/dev/nvme1n1"), node.policy, node.host).ok());
}

TEST(VolumeFindTest, ADiskWithoutASerialIsKnownByItsNode) {
  EXPECT_EQ(DiskIdentity({.node = "/dev/loop7", .serial = ""}), "/dev/loop7");
  EXPECT_EQ(DiskIdentity({.node = "/dev/nvme1n1", .serial = "vol0a"}), "vol0a");
}

TEST(VolumeFindTest, DescribesADiskByNodeAndVolume) {
  const Disk disk{.node = "/dev/nvme1n1"};
  EXPECT_EQ(DescribeDisk(disk, ById("vol-0a")), "/dev/nvme1n1 (vol-0a)");
  EXPECT_EQ(DescribeDisk(disk, ByPath("/dev/nvme1n1")), "/dev/nvme1n1");
}

}  // namespace
}  // namespace bpa::executor
