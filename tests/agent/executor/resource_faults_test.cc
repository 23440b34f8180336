// Every call of the machine and the ledger fails once, and the program ends before, in and after
// every one; then it runs again without fault. It must converge, and nothing may be lost.

#include <functional>
#include <memory>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/executor/fstab.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/agent/executor/prepared_node.h"

namespace bpa::executor {
namespace {

using ::testing::StartsWith;

struct Scenario {
  const char* name;
  void (*arrange)(PreparedNode& node);
  // Holds at every moment.
  void (*always)(const PreparedNode& node);
  // Holds when all is done.
  void (*finally)(const PreparedNode& node);
};

void PrintTo(const Scenario& scenario, std::ostream* out) { *out << scenario.name; }

void NothingLost(const PreparedNode& node) {
  const std::string fstab = node.host.Content("/etc/fstab").value_or("(none)");
  EXPECT_THAT(fstab, StartsWith(kForeignFstab));
  EXPECT_TRUE(ParseFstab(fstab).ok()) << fstab;
  EXPECT_EQ(node.host.Content("/opt/cni/bin/loopback"), "plugin");
  EXPECT_EQ(node.host.Content("/opt/cni/bin/bridge"), "another plugin");
}

// Nothing of ours may ever lie on the root filesystem, not even beneath the mount.
void NothingOnTheRootDisk(const PreparedNode& node) {
  const std::string snapshot = node.host.Snapshot();
  const size_t root = snapshot.find("/dev/sda1 ext4");
  const size_t end = snapshot.find("/dev/nvme1n1 ", root);
  EXPECT_FALSE(absl::StrContains(snapshot.substr(root, end - root), "/opt/bpa")) << snapshot;
}

void WholeRoleStands(const PreparedNode& node) {
  for (const char* name : {"zookeeper1", "zookeeper4", "zookeeper5", "kafka1"}) {
    const auto info = node.host.Info(absl::StrCat("/opt/bpa/data/", name));
    ASSERT_TRUE(info.has_value()) << name;
    EXPECT_EQ(info->mode, 0777u);
    EXPECT_EQ(info->device, node.disk->disk.device_number);
  }
  EXPECT_EQ(node.host.sysctls.at("vm.max_map_count"), "262144");
  EXPECT_EQ(node.host.Info("/opt/containerd")->mode, 0711u);
}

const Scenario kScenarios[] = {
    {"FreshMachine", [](PreparedNode& node) { node.WantWholeRole(); },
     [](const PreparedNode& node) {
       NothingLost(node);
       NothingOnTheRootDisk(node);
     },
     WholeRoleStands},
    {"VolumeWithData",
     [](PreparedNode& node) {
       node.WantWholeRole();
       FakeFilesystem& filesystem = node.host.Fill(*node.disk, Filesystem::kXfs, kUuid);
       filesystem.bytes = 2 * kGiB;
       auto ledger = std::make_shared<FakeNode>();
       ledger->type = FileType::kRegular;
       ledger->content = "precious";
       filesystem.root->children["ledger"] = ledger;
     },
     [](const PreparedNode& node) {
       NothingLost(node);
       NothingOnTheRootDisk(node);
       EXPECT_EQ(node.disk->filesystem->uuid, kUuid);
       EXPECT_EQ(node.disk->filesystem->root->children.at("ledger")->content, "precious");
     },
     [](const PreparedNode& node) {
       WholeRoleStands(node);
       EXPECT_EQ(node.disk->filesystem->bytes, 4 * kGiB);
     }},
    {"Reset",
     [](PreparedNode& node) {
       node.host.AddDirectory("/opt/bpa/data", 0770, 1000, 1001);
       node.host.AddFile("/opt/bpa/data/kafka1/log", "old");
       node.host.AddFile("/opt/bpa/data/zookeeper1/log", "old");
       node.host.AddFile("/opt/bpa/.bpa-trash-00000000-old/log", "older");
       node.host.AddFile("/opt/bpa/packages/chart", "kept");
       node.WantReset("/opt/bpa/data");
       node.WantDirectory("/opt/bpa/data/kafka1").set_mode(0777);
     },
     [](const PreparedNode& node) {
       NothingLost(node);
       EXPECT_EQ(node.host.Content("/opt/bpa/packages/chart"), "kept");
     },
     [](const PreparedNode& node) {
       EXPECT_EQ(node.host.Content("/opt/bpa/data/kafka1/log"), std::nullopt);
       EXPECT_EQ(node.host.Info("/opt/bpa/data")->mode, 0770u);
       EXPECT_EQ(node.host.Info("/opt/bpa/data")->uid, 1000u);
       EXPECT_EQ(node.host.Info("/opt/bpa/data")->gid, 1001u);
       EXPECT_EQ(node.host.Info("/opt/bpa/data/kafka1")->mode, 0777u);
       EXPECT_FALSE(absl::StrContains(node.host.Snapshot(), "trash")) << node.host.Snapshot();
     }},
    {"ResetBelowVolume",
     [](PreparedNode& node) {
       node.WantVolume();
       node.host.Fill(*node.disk, Filesystem::kXfs, kUuid);
       node.host.Remove("/opt/containerd");
       node.host.Remove("/opt/cni");
       node.host.Mount(*node.disk, "/opt");
       node.host.AddFile("/opt/cni/bin/loopback", "plugin", 0755);
       node.host.AddFile("/opt/cni/bin/bridge", "another plugin", 0755);
       node.host.AddFile("/opt/bpa/data/kafka1/log", "old");
       node.WantReset("/opt/bpa/data");
     },
     NothingLost,
     [](const PreparedNode& node) {
       EXPECT_EQ(node.host.Content("/opt/bpa/data/kafka1/log"), std::nullopt);
       EXPECT_EQ(node.host.Info("/opt/bpa/data")->device, node.disk->disk.device_number);
       EXPECT_FALSE(absl::StrContains(node.host.Snapshot(), "trash")) << node.host.Snapshot();
     }},
    {"OwnedDirectories",
     [](PreparedNode& node) {
       node.host.users["elastic"] = 1000;
       node.host.groups["elastic"] = 1000;
       node.host.AddDirectory("/opt/bpa/elk", 0700);
       for (const char* path : {"/opt/bpa/elk", "/opt/bpa/data/a/b/c"}) {
         v1::Directory& directory = node.WantDirectory(path);
         directory.set_mode(02775);
         directory.set_owner("elastic");
         directory.set_group("elastic");
       }
     },
     NothingLost,
     [](const PreparedNode& node) {
       for (const char* path : {"/opt/bpa/elk", "/opt/bpa/data/a/b/c"}) {
         const auto info = node.host.Info(path);
         ASSERT_TRUE(info.has_value());
         EXPECT_EQ(info->mode, 02775u);
         EXPECT_EQ(info->uid, 1000u);
         EXPECT_EQ(info->gid, 1000u);
       }
       EXPECT_EQ(node.host.Info("/opt/bpa/data/a")->mode, 0755u);
     }},
    {"Sysctl",
     [](PreparedNode& node) {
       node.host.Remove("/etc/sysctl.d");
       node.host.AddLink("/etc/sysctl.d/99-sysctl.conf", "../sysctl.conf");
       node.host.AddFile("/etc/sysctl.conf", "kernel.pid_max=4194304\n");
       v1::Sysctl& sysctl = *node.role.add_sysctls();
       sysctl.set_name("vm.max_map_count");
       sysctl.set_exactly("262144");
     },
     NothingLost,
     [](const PreparedNode& node) {
       EXPECT_EQ(node.host.sysctls.at("vm.max_map_count"), "262144");
       EXPECT_THAT(node.host.Content("/etc/sysctl.d/99-zz-bpa.conf").value_or(""),
                   ::testing::EndsWith("\nvm.max_map_count = 262144\n"));
     }},
};

class ResourceFaultsTest : public testing::TestWithParam<Scenario> {
 protected:
  // How many calls an apply without fault makes.
  static int CountCalls() {
    PreparedNode node;
    GetParam().arrange(node);
    const absl::Status applied = node.Apply();
    EXPECT_TRUE(applied.ok()) << applied;
    GetParam().finally(node);
    return node.faults.calls();
  }

  static void ConvergesDespite(Faults::Kind kind, int call) {
    PreparedNode node;
    GetParam().arrange(node);
    node.faults.Arm(kind, call);
    // Whether it fails depends on the call: that of a superfluous one may go by.
    node.Apply().IgnoreError();
    SCOPED_TRACE(absl::StrCat("call ", call, ": ", node.faults.log()[call - 1]));
    GetParam().always(node);
    node.faults.Restart();
    const absl::Status again = node.Apply();
    EXPECT_TRUE(again.ok()) << again;
    GetParam().always(node);
    GetParam().finally(node);
    const std::string settled = node.host.Snapshot();
    node.faults.Restart();
    const absl::Status third = node.Apply();
    EXPECT_TRUE(third.ok()) << third;
    EXPECT_EQ(node.host.Snapshot(), settled) << "the third run changed something";
  }

  static void ConvergesDespiteAll(Faults::Kind kind) {
    const int calls = CountCalls();
    ASSERT_GT(calls, 5);
    for (int call = 1; call <= calls && !HasFailure(); ++call) ConvergesDespite(kind, call);
  }
};

TEST_P(ResourceFaultsTest, ConvergesAfterAnyCallFailed) {
  ConvergesDespiteAll(Faults::Kind::kFail);
}

TEST_P(ResourceFaultsTest, ConvergesAfterACrashBeforeAnyCall) {
  ConvergesDespiteAll(Faults::Kind::kCrashBefore);
}

TEST_P(ResourceFaultsTest, ConvergesAfterACrashInAnyCall) {
  ConvergesDespiteAll(Faults::Kind::kCrashDuring);
}

TEST_P(ResourceFaultsTest, ConvergesAfterACrashAfterAnyCall) {
  ConvergesDespiteAll(Faults::Kind::kCrashAfter);
}

// A plan makes no difference, whatever happens in it.
TEST_P(ResourceFaultsTest, APlanChangesNothingWhateverFails) {
  PreparedNode whole;
  GetParam().arrange(whole);
  ASSERT_TRUE(whole.Run(v1::MODE_PLAN).ok());
  for (int call = 1; call <= whole.faults.calls() && !HasFailure(); ++call) {
    PreparedNode node;
    GetParam().arrange(node);
    const std::string before = node.host.Snapshot();
    node.faults.Arm(Faults::Kind::kFail, call);
    ASSERT_TRUE(node.Run(v1::MODE_PLAN).ok());
    EXPECT_EQ(node.host.Snapshot(), before) << "call " << call;
  }
}

INSTANTIATE_TEST_SUITE_P(All, ResourceFaultsTest, testing::ValuesIn(kScenarios),
                         [](const auto& tested) { return std::string(tested.param.name); });

}  // namespace
}  // namespace bpa::executor
