#include "agent/executor/directory.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/agent/executor/prepared_node.h"

namespace bpa::executor {
namespace {

using ::testing::HasSubstr;

class DirectoryTest : public testing::Test {
 protected:
  v1::Directory& Want(const std::string& path) { return node_.WantDirectory(path); }

  // Fails in every mode with this message, and the machine stays as it is.
  void ExpectRefused(const std::string& message) {
    const std::string before = node_.host.Snapshot();
    for (const v1::Mode mode : {v1::MODE_PLAN, v1::MODE_APPLY, v1::MODE_VERIFY}) {
      const v1::ResourceResult result = node_.RunOne(mode);
      EXPECT_EQ(result.status(), v1::RESOURCE_STATUS_FAILED);
      EXPECT_THAT(result.message(), HasSubstr(message));
    }
    EXPECT_EQ(node_.host.Snapshot(), before);
  }
  void ExpectApplyFails(const std::string& message) {
    const std::string before = node_.host.Snapshot();
    const v1::ResourceResult result = node_.RunOne(v1::MODE_APPLY);
    EXPECT_EQ(result.status(), v1::RESOURCE_STATUS_FAILED);
    EXPECT_THAT(result.message(), HasSubstr(message));
    EXPECT_EQ(node_.host.Snapshot(), before);
  }

  PreparedNode node_;
};

TEST_F(DirectoryTest, MakesParentsPlainAndItselfAsWanted) {
  Want("/opt/bpa/data/kafka1").set_mode(0777);
  const v1::ResourceResult result = node_.RunOne(v1::MODE_APPLY);
  EXPECT_EQ(result.status(), v1::RESOURCE_STATUS_CHANGED) << result.message();
  EXPECT_EQ(DescribeChanges(result), "directory: absent -> 0777\n");
  EXPECT_EQ(node_.host.Info("/opt/bpa")->mode, 0755u);
  EXPECT_EQ(node_.host.Info("/opt/bpa/data")->mode, 0755u);
  EXPECT_EQ(node_.host.Info("/opt/bpa/data/kafka1")->mode, 0777u);
}

TEST_F(DirectoryTest, IsANoOpTheSecondTime) {
  Want("/opt/bpa/data/kafka1").set_mode(0777);
  node_.RunOne(v1::MODE_APPLY);
  node_.faults.Restart();
  EXPECT_EQ(node_.RunOne(v1::MODE_APPLY).status(), v1::RESOURCE_STATUS_UNCHANGED);
  EXPECT_EQ(node_.faults.log(), std::vector<std::string>{"Inspect /opt/bpa/data/kafka1"});
}

TEST_F(DirectoryTest, IsDurableBeforeItIsReported) {
  Want("/opt/bpa/data/kafka1").set_mode(0777);
  node_.RunOne(v1::MODE_APPLY);
  EXPECT_EQ(node_.faults.log().back(), "SyncFilesystem /opt/bpa/data/kafka1");
}

TEST_F(DirectoryTest, LeavesModesAloneThatTheRoleDoesNotName) {
  node_.host.AddDirectory("/opt/bpa/data/elk", 0700, 12, 13);
  Want("/opt/bpa/data/elk");
  EXPECT_EQ(node_.RunOne(v1::MODE_APPLY).status(), v1::RESOURCE_STATUS_UNCHANGED);
  node_.host.Remove("/opt/bpa/data/elk");
  EXPECT_EQ(DescribeChanges(node_.RunOne(v1::MODE_APPLY)), "directory: absent -> 0755\n");
}

TEST_F(DirectoryTest, CorrectsModeOwnerAndGroup) {
  node_.host.users["elastic"] = 1000;
  node_.host.AddDirectory("/opt/bpa/elk", 0755);
  v1::Directory& directory = Want("/opt/bpa/elk");
  directory.set_mode(02775);
  directory.set_owner("elastic");
  directory.set_group("1001");
  EXPECT_EQ(DescribeChanges(node_.RunOne(v1::MODE_APPLY)),
            "mode: 0755 -> 2775\nowner: 0 -> elastic (1000)\ngroup: 0 -> 1001\n");
  EXPECT_EQ(node_.RunOne(v1::MODE_APPLY).status(), v1::RESOURCE_STATUS_UNCHANGED);
}

TEST_F(DirectoryTest, RefusesAFileInTheWay) {
  node_.host.AddFile("/opt/bpa/data/kafka1", "file");
  Want("/opt/bpa/data/kafka1").set_mode(0777);
  ExpectRefused("/opt/bpa/data/kafka1 is a file, where a directory is wanted: move it away");
}

TEST_F(DirectoryTest, RefusesAFileInTheWayOfAParent) {
  node_.host.AddFile("/opt/bpa/data", "file");
  Want("/opt/bpa/data/a/b");
  ExpectRefused("/opt/bpa/data is ");
}

TEST_F(DirectoryTest, RefusesASymbolicLinkInAnyComponent) {
  for (const char* link : {"/opt/bpa", "/opt/bpa/data", "/opt/bpa/data/kafka1"}) {
    node_.host.AddLink(link, "/etc");
    node_.role.clear_directories();
    Want("/opt/bpa/data/kafka1").set_mode(0777);
    ExpectRefused("is a symbolic link");
    node_.host.Remove(link);
  }
}

TEST_F(DirectoryTest, RefusesToMakeMoreThanTheRootItself) {
  node_.policy.directory_roots = {"/srv/bpa"};
  Want("/srv/bpa/data");
  ExpectRefused("/srv does not exist, and the agent makes directories only from /srv/bpa down");
}

TEST_F(DirectoryTest, RefusesAnUnknownOwner) {
  Want("/opt/bpa/x").set_owner("nobody-here");
  ExpectRefused("owner of /opt/bpa/x: no user 'nobody-here'");
}

TEST_F(DirectoryTest, NamesAReadOnlyFilesystem) {
  node_.host.FilesystemAt("/opt").read_only = true;
  Want("/opt/bpa/data");
  ExpectApplyFails("Read-only file system");
}

TEST_F(DirectoryTest, NamesAFullDisk) {
  node_.host.FilesystemAt("/opt").full = true;
  Want("/opt/bpa/data");
  ExpectApplyFails("No space left on device");
}

class DirectoryBelowVolumeTest : public DirectoryTest {
 protected:
  // Only the directory is driven: what the converger keeps from it, it must refuse by itself.
  DirectoryResource Resource(const std::string& path) {
    v1::Directory wanted;
    wanted.set_path(path);
    wanted.set_mode(0777);
    return DirectoryResource(wanted, "/opt/bpa", "/opt", node_.host);
  }
};

TEST_F(DirectoryBelowVolumeTest, TouchesNothingBeforeTheMount) {
  const std::string before = node_.host.Snapshot();
  DirectoryResource resource = Resource("/opt/bpa/data");
  EXPECT_EQ(resource.Observe()->front().before, "unknown until /opt is mounted");
  EXPECT_THAT(std::string(resource.Converge().message()), HasSubstr("/opt is not mounted"));
  EXPECT_EQ(node_.host.Snapshot(), before);
}

TEST_F(DirectoryBelowVolumeTest, LandsOnTheVolume) {
  node_.host.Fill(*node_.disk, Filesystem::kXfs, kUuid);
  node_.host.Mount(*node_.disk, "/opt");
  ASSERT_TRUE(Resource("/opt/bpa/data").Converge().ok());
  EXPECT_EQ(node_.host.Info("/opt/bpa/data")->device, node_.disk->disk.device_number);
}

TEST_F(DirectoryBelowVolumeTest, RefusesAnotherFilesystemBelowTheMount) {
  node_.host.Fill(*node_.disk, Filesystem::kXfs, kUuid);
  node_.host.Mount(*node_.disk, "/opt");
  node_.host.MountForeign("nas:/bpa", "/opt/bpa");
  const std::string before = node_.host.Snapshot();
  for (const char* path : {"/opt/bpa", "/opt/bpa/data"}) {
    const absl::Status status = Resource(path).Converge();
    EXPECT_TRUE(absl::IsFailedPrecondition(status));
    EXPECT_THAT(std::string(status.message()), HasSubstr("lies on another filesystem than /opt"));
  }
  EXPECT_EQ(node_.host.Snapshot(), before);
}

}  // namespace
}  // namespace bpa::executor
