#include "agent/executor/volume.h"

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/agent/executor/prepared_node.h"

namespace bpa::executor {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class VolumeTest : public testing::Test {
 protected:
  VolumeTest() : volume_(node_.WantVolume()) {}

  v1::ResourceResult Apply() { return node_.RunOne(v1::MODE_APPLY); }
  std::string Fstab() { return node_.host.Content("/etc/fstab").value_or("(none)"); }
  FakeFilesystem& Fill() { return node_.host.Fill(*node_.disk, Filesystem::kXfs, kUuid); }
  void EmptyOpt() {
    node_.host.Remove("/opt/cni");
    node_.host.Remove("/opt/containerd");
  }

  PreparedNode node_;
  v1::Volume& volume_;
};

TEST_F(VolumeTest, PreparesABlankDiskAndMovesTheContentAlong) {
  const v1::ResourceResult plan = node_.RunOne(v1::MODE_PLAN);
  EXPECT_EQ(plan.status(), v1::RESOURCE_STATUS_WOULD_CHANGE) << plan.message();
  const std::string changes = DescribeChanges(plan);
  EXPECT_THAT(changes, StartsWith("filesystem: blank, 4.0 GiB, serial vol0fab1d5e3f72a5e23 -> xfs\n"
                                  "content: 5 entries, 20 B in /opt ("));
  EXPECT_THAT(changes, HasSubstr(") -> on the volume\nfstab: absent -> UUID=(made-when-formatted) "
                                 "/opt xfs defaults,nofail,x-systemd.device-timeout=90,"
                                 "x-bpa.volume=vol-0fab1d5e3f72a5e23 0 0\n"));
  EXPECT_THAT(changes, EndsWith("mount: not mounted -> /dev/nvme1n1 on /opt (xfs)\n"));

  const v1::ResourceResult applied = Apply();
  EXPECT_EQ(applied.status(), v1::RESOURCE_STATUS_CHANGED) << applied.message();
  EXPECT_EQ(DescribeChanges(applied), changes);
  EXPECT_THAT(Fstab(), StartsWith(kForeignFstab));
  EXPECT_THAT(Fstab(), HasSubstr(node_.disk->filesystem->uuid));
  EXPECT_EQ(node_.host.Content("/opt/cni/bin/loopback"), "plugin");
  EXPECT_EQ(node_.host.Info("/opt/cni")->device, node_.disk->disk.device_number);
  EXPECT_EQ(Apply().status(), v1::RESOURCE_STATUS_UNCHANGED);
}

TEST_F(VolumeTest, AdoptsAFilesystemWithItsData) {
  EmptyOpt();
  Fill().root->children["data"] = std::make_shared<FakeNode>();
  const v1::ResourceResult applied = Apply();
  EXPECT_EQ(applied.status(), v1::RESOURCE_STATUS_CHANGED) << applied.message();
  EXPECT_THAT(DescribeChanges(applied), StartsWith(absl::StrCat("fstab: absent -> UUID=", kUuid)));
  EXPECT_TRUE(node_.host.Info("/opt/data").has_value());
}

TEST_F(VolumeTest, GrowsAfterTheDiskWasEnlarged) {
  Apply();
  node_.disk->filesystem->bytes = 2 * kGiB;
  EXPECT_EQ(DescribeChanges(Apply()), "size: 2.0 GiB -> 4.0 GiB\n");
  EXPECT_EQ(node_.disk->filesystem->bytes, 4 * kGiB);
  node_.disk->filesystem->bytes = 4 * kGiB - kGrowThresholdBytes + 1;
  EXPECT_EQ(Apply().status(), v1::RESOURCE_STATUS_UNCHANGED) << "as large as it gets";
  node_.disk->filesystem->bytes = 2 * kGiB;
  volume_.set_grow(false);
  EXPECT_EQ(Apply().status(), v1::RESOURCE_STATUS_UNCHANGED);
}

TEST_F(VolumeTest, ReplacesItsOwnLineWhenTheOptionsChange) {
  Apply();
  volume_.set_mount_options("noatime");
  const v1::ResourceResult result = Apply();
  EXPECT_EQ(result.status(), v1::RESOURCE_STATUS_CHANGED) << result.message();
  EXPECT_THAT(Fstab(), HasSubstr(" /opt xfs noatime,nofail,"));
  EXPECT_THAT(Fstab(), StartsWith(kForeignFstab));
}

TEST_F(VolumeTest, MakesAMissingMountPoint) {
  node_.host.Remove("/opt");
  EXPECT_EQ(Apply().status(), v1::RESOURCE_STATUS_CHANGED);
  EXPECT_EQ(node_.host.Info("/opt")->device, node_.disk->disk.device_number);
}

TEST_F(VolumeTest, BindsOfThePodsDoNotDisturbAMountedVolume) {
  Apply();
  node_.host.Mount(*node_.disk, "/var/lib/kubelet/pods/1/volume-subpaths/data");
  EXPECT_EQ(Apply().status(), v1::RESOURCE_STATUS_UNCHANGED);
}

TEST_F(VolumeTest, WaitsForALateAttach) {
  node_.disk->pauses_until_attached = 3;
  volume_.set_attach_timeout_seconds(5);
  EXPECT_EQ(Apply().status(), v1::RESOURCE_STATUS_CHANGED);
  EXPECT_EQ(node_.host.pauses.size(), 3u);
  for (const absl::Duration pause : node_.host.pauses) EXPECT_LE(pause, absl::Milliseconds(500));
}

TEST_F(VolumeTest, GivesUpWaitingWhenTheTimeIsOver) {
  node_.disk->pauses_until_attached = 1000;
  volume_.set_attach_timeout_seconds(2);
  const v1::ResourceResult result = Apply();
  EXPECT_THAT(result.message(), HasSubstr("(waited 2s)"));
  absl::Duration total;
  for (const absl::Duration pause : node_.host.pauses) total += pause;
  EXPECT_EQ(total, absl::Seconds(2));
}

TEST_F(VolumeTest, APlanDoesNotWait) {
  node_.disk->pauses_until_attached = 1;
  volume_.set_attach_timeout_seconds(60);
  EXPECT_EQ(node_.RunOne(v1::MODE_PLAN).status(), v1::RESOURCE_STATUS_FAILED);
  EXPECT_EQ(node_.RunOne(v1::MODE_VERIFY).status(), v1::RESOURCE_STATUS_FAILED);
  EXPECT_TRUE(node_.host.pauses.empty());
}

TEST_F(VolumeTest, FormatsByDevicePathWhereThePolicyAllowsIt) {
  node_.policy.device_paths = {"/dev/loop*"};
  FakeDisk& loop = node_.host.AddDisk("/dev/loop7", "", kGiB);
  node_.target.mutable_volumes(0)->set_device_path("/dev/loop7");
  const v1::ResourceResult result = Apply();
  EXPECT_EQ(result.status(), v1::RESOURCE_STATUS_CHANGED) << result.message();
  EXPECT_THAT(Fstab(), HasSubstr("x-bpa.volume=/dev/loop7 "));
  EXPECT_EQ(loop.content, DiskContent::kFilesystem);
  EXPECT_EQ(node_.disk->content, DiskContent::kBlank);
}

TEST_F(VolumeTest, DisksWithTheSameNodeOnTwoNodesGetDifferentUuids) {
  PreparedNode other;
  other.WantVolume();
  other.target.set_node("node-2");
  ASSERT_TRUE(other.Apply().ok());
  Apply();
  EXPECT_NE(other.disk->filesystem->uuid, node_.disk->filesystem->uuid);
}

TEST_F(VolumeTest, FinishesAFormatThatWasKilled) {
  node_.disk->content = DiskContent::kOther;
  node_.disk->description = "data without a signature";
  ASSERT_TRUE(node_.ledger.BeginFormat({kVolumeSerial, 4 * kGiB, "xfs", kUuid}).ok());
  const v1::ResourceResult result = Apply();
  EXPECT_EQ(result.status(), v1::RESOURCE_STATUS_CHANGED) << result.message();
  EXPECT_THAT(DescribeChanges(result), StartsWith("filesystem: unfinished format by this agent"));
  EXPECT_EQ(node_.disk->filesystem->uuid, kUuid);
  EXPECT_EQ(node_.ledger.UnfinishedFormat(kVolumeSerial)->has_value(), false);
}

TEST_F(VolumeTest, ForgetsAnUnfinishedFormatOfAFilesystemThatSomebodyElseMade) {
  Fill();
  ASSERT_TRUE(node_.ledger.BeginFormat({kVolumeSerial, 4 * kGiB, "xfs", "another"}).ok());
  EXPECT_EQ(Apply().status(), v1::RESOURCE_STATUS_CHANGED);
  EXPECT_EQ(node_.disk->filesystem->uuid, kUuid);
  EXPECT_EQ(node_.ledger.UnfinishedFormat(kVolumeSerial)->has_value(), false);
}

TEST_F(VolumeTest, PutsFstabBackWhenTheMountFails) {
  Fill();
  EmptyOpt();
  const std::string before = node_.host.Snapshot();
  node_.host.mount_failure = absl::InternalError("mount(2): wrong superblock");
  const v1::ResourceResult result = Apply();
  EXPECT_EQ(result.status(), v1::RESOURCE_STATUS_FAILED);
  EXPECT_THAT(result.message(), HasSubstr("wrong superblock; /etc/fstab is as it was before"));
  EXPECT_EQ(node_.host.Snapshot(), before);
}

TEST_F(VolumeTest, RemovesAnFstabThatItMadeWhenTheMountFails) {
  Fill();
  EmptyOpt();
  node_.host.Remove("/etc/fstab");
  node_.host.mount_failure = absl::InternalError("no");
  EXPECT_EQ(Apply().status(), v1::RESOURCE_STATUS_FAILED);
  EXPECT_EQ(Fstab(), "(none)");
}

TEST_F(VolumeTest, NoticesThatTheContentChangedWhileItWasCopied) {
  node_.host.during_migration = [this] { node_.host.AddFile("/opt/cni/bin/new", "late"); };
  const v1::ResourceResult result = Apply();
  EXPECT_EQ(result.status(), v1::RESOURCE_STATUS_FAILED);
  EXPECT_THAT(result.message(), HasSubstr("/opt changed meanwhile"));
  EXPECT_EQ(Fstab(), kForeignFstab);
  node_.host.during_migration = nullptr;
  EXPECT_EQ(Apply().status(), v1::RESOURCE_STATUS_CHANGED);
  EXPECT_EQ(node_.host.Content("/opt/cni/bin/new"), "late");
}

// What makes the volume refused, in every mode, with the machine as it was.
struct Refusal {
  const char* name;
  void (*arrange)(PreparedNode& node);
  const char* message;
};
void PrintTo(const Refusal& refusal, std::ostream* out) { *out << refusal.name; }

v1::Volume& Spec(PreparedNode& node) { return *node.role.mutable_volumes(0); }
void Clear(PreparedNode& node) {
  node.host.Remove("/opt/cni");
  node.host.Remove("/opt/containerd");
}

const Refusal kRefusals[] = {
    {"NoSuchVolume", [](PreparedNode& node) { node.disk->disk.serial = "vol0other"; },
     "no disk of this node is vol-0fab1d5e3f72a5e23: there is /dev/nvme0n1 (vol0aaaaaaaaaaaaaaaa), "
     "/dev/nvme1n1 (vol0other); attach the volume"},
    {"TwoMatches",
     [](PreparedNode& node) { node.host.AddDisk("/dev/nvme2n1", kVolumeSerial, kGiB); },
     "both /dev/nvme1n1 and /dev/nvme2n1 claim to be vol-0fab1d5e3f72a5e23"},
    {"WrongModel",
     [](PreparedNode& node) { node.disk->disk.model = "Amazon EC2 NVMe Instance Storage"; },
     "/dev/nvme1n1: disk model 'Amazon EC2 NVMe Instance Storage' is not allowed"},
    {"RootDisk", [](PreparedNode& node) { node.disk->disk.device_number = 0x801; },
     "is the disk of this node's root filesystem"},
    {"MountedElsewhere",
     [](PreparedNode& node) {
       node.host.Fill(*node.disk, Filesystem::kXfs, kUuid);
       node.host.Mount(*node.disk, "/data");
     },
     "is mounted on /data and wanted on /opt: unmount it there"},
    {"AnotherDeviceOnTheMountPoint",
     [](PreparedNode& node) { node.host.MountForeign("nas:/opt", "/opt"); },
     "nas:/opt is mounted on /opt, and /dev/nvme1n1 (vol-0fab1d5e3f72a5e23) is wanted there"},
    {"AMountThatWouldBeHidden",
     [](PreparedNode& node) { node.host.MountForeign("nas:/x", "/opt/x"); },
     "a mount on /opt would hide nas:/x on /opt/x"},
    {"MountedAsAnotherFilesystem",
     [](PreparedNode& node) {
       node.host.Fill(*node.disk, Filesystem::kExt4, kUuid);
       node.host.Mount(*node.disk, "/opt");
     },
     "is mounted on /opt as ext4, and the role asks for xfs"},
    // Of a blank disk: it is not formatted either.
    {"AReadOnlyFstab", [](PreparedNode& node) { node.host.FilesystemAt("/etc").read_only = true; },
     "/etc/fstab: Read-only file system"},
    {"InUse",
     [](PreparedNode& node) {
       node.disk->trouble = absl::FailedPreconditionError("in use by md0");
     },
     "/dev/nvme1n1 (vol-0fab1d5e3f72a5e23): in use by md0"},
    {"ReadError",
     [](PreparedNode& node) {
       node.disk->trouble = absl::DataLossError("read at 0: Input/output error");
     },
     "read at 0: Input/output error"},
    {"ForeignData",
     [](PreparedNode& node) {
       node.disk->content = DiskContent::kOther;
       node.disk->description = "a GPT partition table";
     },
     "holds a GPT partition table: it is neither formatted nor mounted"},
    {"UnfinishedFormatOfAnotherSize",
     [](PreparedNode& node) {
       node.disk->content = DiskContent::kOther;
       node.disk->description = "data without a signature";
       node.ledger.BeginFormat({kVolumeSerial, kGiB, "xfs", kUuid}).IgnoreError();
     },
     "holds data without a signature"},
    {"AnotherFilesystem",
     [](PreparedNode& node) { node.host.Fill(*node.disk, Filesystem::kExt4, kUuid); },
     "carries ext4 (UUID 6ba7b810-9dad-41d1-80b4-00c04fd430c8) and the role asks for xfs"},
    {"BlankWithoutFormat", [](PreparedNode& node) { Spec(node).set_format_if_blank(false); },
     "is blank, and the role does not say format_if_blank"},
    {"FormatNotAllowed", [](PreparedNode& node) { node.policy.allow_format = false; },
     "policy.allow in agent.yaml does not list 'format'"},
    {"MigrateNotAllowed", [](PreparedNode& node) { node.policy.allow_migrate = false; },
     "policy.allow in agent.yaml does not list 'migrate'"},
    {"GrowNotAllowed",
     [](PreparedNode& node) {
       Clear(node);
       node.host.Fill(*node.disk, Filesystem::kXfs, kUuid).bytes = kGiB;
       node.policy.allow_grow = false;
     },
     "policy.allow in agent.yaml does not list 'grow'"},
    {"ContentWouldBeHidden",
     [](PreparedNode& node) { Spec(node).set_existing_content(v1::EXISTING_CONTENT_REFUSE); },
     "mounting on /opt would hide cni, containerd: set `existing_content: migrate`"},
    {"ContentConflicts",
     [](PreparedNode& node) {
       auto cni = std::make_shared<FakeNode>();
       cni->type = FileType::kRegular;
       node.host.Fill(*node.disk, Filesystem::kXfs, kUuid).root->children["cni"] = cni;
     },
     "already holds other versions of what is in /opt: cni; remove one side of each"},
    {"ContentDoesNotFit", [](PreparedNode& node) { node.disk->disk.size_bytes = 10; },
     "it does not fit"},
    {"Busy",
     [](PreparedNode& node) {
       node.host.processes = {{9, "aws-node", "/opt/cni/bin/bridge", true},
                              {10, "reader", "/opt/cni/bin/bridge", false}};
     },
     "/opt is busy, and the mount would hide what is written there: aws-node (pid 9) holds "
     "/opt/cni/bin/bridge; stop"},
    {"MountPointIsAFile",
     [](PreparedNode& node) {
       node.host.Remove("/opt");
       node.host.AddFile("/opt", "file");
     },
     "/opt is not a directory"},
    {"MountPointIsALink",
     [](PreparedNode& node) {
       node.host.Remove("/opt");
       node.host.AddLink("/opt", "/srv");
     },
     "/opt is not a directory"},
    {"MalformedFstab",
     [](PreparedNode& node) { node.host.AddFile("/etc/fstab", "# x\n/dev/sda1 /\n"); },
     "/etc/fstab line 2 is malformed: 2 fields instead of four to six; it is not edited"},
    {"ForeignFstabLine",
     [](PreparedNode& node) { node.host.AddFile("/etc/fstab", "UUID=1 /opt xfs defaults 0 0\n"); },
     "/etc/fstab line 1 already mounts UUID=1 on /opt, and this agent did not write it"},
};

class VolumeRefusalTest : public testing::TestWithParam<Refusal> {};

TEST_P(VolumeRefusalTest, IsToldInEveryModeAndChangesNothing) {
  PreparedNode node;
  node.WantVolume();
  GetParam().arrange(node);
  const std::string before = node.host.Snapshot();
  for (const v1::Mode mode : {v1::MODE_PLAN, v1::MODE_APPLY, v1::MODE_VERIFY}) {
    const v1::ResourceResult result = node.RunOne(mode);
    EXPECT_EQ(result.status(), v1::RESOURCE_STATUS_FAILED) << v1::Mode_Name(mode);
    EXPECT_THAT(result.message(), HasSubstr(GetParam().message));
  }
  EXPECT_EQ(node.host.Snapshot(), before);
}

INSTANTIATE_TEST_SUITE_P(All, VolumeRefusalTest, testing::ValuesIn(kRefusals),
                         [](const auto& tested) { return std::string(tested.param.name); });

// The plan looked for conflicts. One that has come up since is found by the copy, before it writes.
TEST_F(VolumeTest, AReviewedApplyRefusesAConflictThatThePlanDidNotSee) {
  auto cni = std::make_shared<FakeNode>();
  cni->type = FileType::kRegular;
  node_.host.Fill(*node_.disk, Filesystem::kXfs, kUuid).root->children["cni"] = cni;
  node_.context.reviewed = true;
  const std::string before = node_.host.Snapshot();
  EXPECT_THAT(Apply().message(),
              HasSubstr("already holds other versions of what is in /opt: cni; remove one side"));
  EXPECT_EQ(node_.host.Snapshot(), before);
}

TEST_F(VolumeTest, FormattingNeedsAsManySignersAsThePolicySays) {
  node_.policy.format_threshold = 2;
  EXPECT_EQ(node_.RunOne(v1::MODE_PLAN).status(), v1::RESOURCE_STATUS_WOULD_CHANGE);
  const std::string before = node_.host.Snapshot();
  EXPECT_THAT(Apply().message(),
              HasSubstr("needs 2 signers (policy.thresholds.format in agent.yaml)"));
  EXPECT_EQ(node_.host.Snapshot(), before);
  node_.context.distinct_signers = 2;
  EXPECT_EQ(Apply().status(), v1::RESOURCE_STATUS_CHANGED);
}

// The converger's part, seen from here: what lies beneath a failed volume is not touched.
TEST_F(VolumeTest, NothingLandsBeneathAVolumeThatFailed) {
  node_.WantDirectory("/opt/bpa/data/kafka1");
  node_.host.mount_failure = absl::InternalError("no");
  const auto results = node_.Run(v1::MODE_APPLY);
  ASSERT_TRUE(results.ok()) << results.status();
  EXPECT_EQ(results->at(0).status(), v1::RESOURCE_STATUS_FAILED);
  EXPECT_EQ(results->at(1).status(), v1::RESOURCE_STATUS_SKIPPED);
  EXPECT_THAT(node_.host.Snapshot(), Not(HasSubstr("/opt/bpa")));
}

TEST_F(VolumeTest, MeasuresWhatIsMountedWhereItShouldBe) {
  const auto measure = [&] {
    v1::NodeStatus status;
    const auto planned = PlanResources(node_.role, node_.target, node_.context, node_.policy,
                                       node_.host, node_.ledger);
    EXPECT_TRUE(planned.ok()) << planned.status();
    if (planned.ok()) planned->at(0).resource->Measure(status);
    return status;
  };
  EXPECT_TRUE(measure().volumes().empty()) << "not mounted yet";
  ASSERT_EQ(Apply().status(), v1::RESOURCE_STATUS_CHANGED);
  v1::NodeStatus status = measure();
  ASSERT_EQ(status.volumes_size(), 1);
  EXPECT_EQ(status.volumes(0).mount_point(), "/opt");
  EXPECT_EQ(status.volumes(0).size_bytes(), node_.disk->filesystem->bytes);
  EXPECT_FALSE(status.volumes(0).has_ebs()) << "this device keeps no statistics";

  std::string page("\x10\xb5\x23\x3c\0\0\0\0\x05", 9);
  page.resize(4096, '\0');
  node_.disk->log_pages[0xD0] = page;
  EXPECT_EQ(measure().volumes(0).ebs().read_ops(), 5u);
  node_.disk->log_pages[0xD0] = std::string(4096, 'x');
  EXPECT_FALSE(measure().volumes(0).has_ebs());

  node_.host.MountForeign("server:/export", "/opt");
  EXPECT_TRUE(measure().volumes().empty()) << "something else covers it";
}

}  // namespace
}  // namespace bpa::executor
