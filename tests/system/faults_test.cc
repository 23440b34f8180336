// What a node's machine can be like when a command comes, over the whole way from the network to
// the root process: the resource fails with a message that names the fault, and the machine is
// as it was.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/system/commands.h"
#include "tests/system/lab.h"

namespace bpa::system_test {
namespace {

using ::testing::HasSubstr;

struct Fault {
  const char* name;
  // Of the command: only the resources that the fault is about.
  std::function<void(v1::Role&, v1::Target&)> command;
  // Shell commands on the host, before the machine is compared and after.
  const char* arrange;
  const char* restore;
  const char* message;
};

std::string Name(const testing::TestParamInfo<Fault>& info) { return info.param.name; }

void OnlyVolume(v1::Role& role, v1::Target&) {
  role.clear_directories();
  role.clear_sysctls();
}

void OnlySysctl(v1::Role& role, v1::Target& target) {
  role.clear_directories();
  role.clear_volumes();
  target.clear_volumes();
}

void OnlyDirectory(v1::Role& role, v1::Target& target) {
  OnlySysctl(role, target);
  role.clear_sysctls();
  role.add_directories()->set_path("/opt/bpa/data/kafka1");
}

constexpr char kBlankAgain[] = "wipefs -qa /dev/nvme1n1; blkdiscard --force -z /dev/nvme1n1";

// A boot record with one Linux partition; the hosts have no sfdisk.
constexpr char kMakePartitionTable[] =
    "printf '\\000\\000\\002\\000\\203\\377\\377\\377\\000\\010\\000\\000\\000\\000\\020\\000' | "
    "dd of=/dev/nvme1n1 bs=1 seek=446 conv=notrunc status=none; "
    "printf '\\125\\252' | dd of=/dev/nvme1n1 bs=1 seek=510 conv=notrunc,fsync status=none";

class FaultTest : public testing::TestWithParam<Fault> {
 protected:
  static void SetUpTestSuite() { suite_lab() = std::make_unique<Lab>(1); }
  static void TearDownTestSuite() { suite_lab().reset(); }
  static const Lab& lab() { return *suite_lab(); }

 private:
  static std::unique_ptr<Lab>& suite_lab() {
    static std::unique_ptr<Lab> lab;
    return lab;
  }
};

TEST_P(FaultTest, IsNamedAndTheMachineIsAsItWas) {
  const Fault& fault = GetParam();
  v1::Command command = MakeCommand(lab(), v1::MODE_APPLY);
  fault.command(*command.mutable_roles(0), *command.mutable_targets(0));
  lab().Enter(1, fault.arrange);
  const std::string before = lab().Snapshot(1);

  const Answer answer = Execute(lab(), Encoded(Signed(lab(), command)));

  EXPECT_EQ(Difference(before, lab().Snapshot(1)), "") << "the machine was changed";
  lab().Enter(1, fault.restore);
  ASSERT_TRUE(answer.status.ok()) << answer.status.error_message();
  EXPECT_EQ(answer.report.outcome(), v1::OUTCOME_FAILED);
  ASSERT_EQ(answer.report.resources_size(), 1);
  EXPECT_EQ(answer.report.resources(0).status(), v1::RESOURCE_STATUS_FAILED);
  EXPECT_THAT(answer.report.resources(0).message(), HasSubstr(fault.message));
}

INSTANTIATE_TEST_SUITE_P(
    Volumes, FaultTest,
    testing::Values(
        Fault{"NoSuchVolume",
              [](v1::Role& role, v1::Target& target) {
                OnlyVolume(role, target);
                target.mutable_volumes(0)->set_ebs_volume_id("vol-0123456789abcdef0");
              },
              "true", "true", "vol-0123456789abcdef0"},
        Fault{"TwoDisksOfOneId", OnlyVolume,
              "cp -a /sys/block/nvme1n1 /sys/block/nvme2n1; cp -a /dev/nvme1n1 /dev/nvme2n1",
              "rm -r /sys/block/nvme2n1 /dev/nvme2n1", "both /dev/nvme1n1 and /dev/nvme2n1"},
        Fault{"AnotherModel", OnlyVolume,
              "cp -a /sys/block/nvme1n1/device/model /run/model; "
              "echo 'Amazon EC2 NVMe Instance Storage' > /sys/block/nvme1n1/device/model",
              "cat /run/model > /sys/block/nvme1n1/device/model", "Instance Storage"},
        Fault{"APartitionTable", OnlyVolume, kMakePartitionTable, kBlankAgain,
              "a partition table (dos)"},
        Fault{"AForeignSignature", OnlyVolume, "mkswap -q /dev/nvme1n1", kBlankAgain, "swap"},
        Fault{"DataWithoutASignature", OnlyVolume,
              "printf x | dd of=/dev/nvme1n1 bs=1 seek=100000 conv=notrunc,fsync status=none",
              kBlankAgain, "data without a known signature"},
        Fault{"AnotherFilesystem", OnlyVolume, "mkfs.ext4 -q -F /dev/nvme1n1", kBlankAgain,
              "carries ext4"},
        Fault{"MountedElsewhere", OnlyVolume,
              "mkfs.xfs -q -f /dev/nvme1n1; mkdir -p /mnt/x; mount /dev/nvme1n1 /mnt/x",
              "umount /mnt/x; rmdir /mnt/x; wipefs -qa /dev/nvme1n1; "
              "blkdiscard --force -z /dev/nvme1n1",
              "is mounted on /mnt/x"},
        Fault{"SomebodyWritesBelowTheMountPoint", OnlyVolume,
              "setsid sh -c 'echo $$ > /run/holder; exec sleep 600 3>/opt/held' "
              "</dev/null >/dev/null 2>&1 & until [ -e /opt/held ]; do sleep 0.02; done",
              "kill $(cat /run/holder); rm /opt/held", "/opt is busy"},
        Fault{"ConflictingContent", OnlyVolume,
              "mkfs.xfs -q -f /dev/nvme1n1; mkdir -p /mnt/x; mount /dev/nvme1n1 /mnt/x; "
              "mkdir -p /mnt/x/cni/bin; echo other > /mnt/x/cni/bin/loopback; umount /mnt/x; "
              "rmdir /mnt/x",
              kBlankAgain, "already holds other versions of what is in /opt"},
        Fault{"ContentThatIsNotToBeMigrated",
              [](v1::Role& role, v1::Target& target) {
                OnlyVolume(role, target);
                role.mutable_volumes(0)->set_existing_content(v1::EXISTING_CONTENT_REFUSE);
              },
              "true", "true", "would hide aws, cni, containerd"},
        Fault{"BlankAndNotToBeFormatted",
              [](v1::Role& role, v1::Target& target) {
                OnlyVolume(role, target);
                role.mutable_volumes(0)->set_format_if_blank(false);
              },
              "true", "true", "is blank"},
        Fault{"AMalformedFstab", OnlyVolume,
              "cp -a /etc/fstab /run/fstab; printf '\nLABEL=data\n' >> /etc/fstab",
              "cp -a /run/fstab /etc/fstab", "is malformed"},
        Fault{"SomebodyElsesFstabEntry", OnlyVolume,
              "cp -a /etc/fstab /run/fstab; printf '\\n/dev/sdz /opt ext4 defaults 0 0\\n' >> "
              "/etc/fstab",
              "cp -a /run/fstab /etc/fstab", "/etc/fstab"}),
    Name);

INSTANTIATE_TEST_SUITE_P(
    Directories, FaultTest,
    testing::Values(Fault{"ASymbolicLinkInThePath", OnlyDirectory,
                          "mkdir -p /opt/bpa; ln -s /etc /opt/bpa/data", "rm -r /opt/bpa",
                          "/opt/bpa/data"},
                    Fault{"AFileInTheWay", OnlyDirectory, "mkdir -p /opt/bpa; touch /opt/bpa/data",
                          "rm -r /opt/bpa", "/opt/bpa/data"},
                    Fault{"AReadOnlyFilesystem", OnlyDirectory,
                          "mkdir -p /opt/bpa; mount -t tmpfs -o ro tmpfs /opt/bpa",
                          "umount /opt/bpa; rmdir /opt/bpa", "ead-only"},
                    Fault{"AFullDisk", OnlyDirectory,
                          "mkdir -p /opt/bpa; mount -t tmpfs -o nr_inodes=1 tmpfs /opt/bpa",
                          "umount /opt/bpa; rmdir /opt/bpa", "No space left"}),
    Name);

INSTANTIATE_TEST_SUITE_P(
    Sysctls, FaultTest,
    testing::Values(Fault{"ALaterFileThatOverrides", OnlySysctl,
                          "echo 'vm.max_map_count = 70000' > /etc/sysctl.d/zzz.conf",
                          "rm /etc/sysctl.d/zzz.conf", "/etc/sysctl.d/zzz.conf"},
                    Fault{"AValueThatTheKernelRefuses",
                          [](v1::Role& role, v1::Target& target) {
                            OnlySysctl(role, target);
                            role.mutable_sysctls(0)->set_exactly("many");
                          },
                          "true", "true", "many"}),
    Name);

}  // namespace
}  // namespace bpa::system_test
