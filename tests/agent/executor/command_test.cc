#include "agent/executor/command.h"

#include <functional>
#include <string>
#include <type_traits>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/unknown_field_set.h"
#include "gtest/gtest.h"
#include "proto/manifest.h"
#include "proto/manifest_index.h"
#include "tests/agent/executor/support.h"

namespace bpa::executor {
namespace {

static_assert(!std::is_default_constructible_v<Command>);
static_assert(!std::is_constructible_v<Command, v1::Command>);
static_assert(!std::is_constructible_v<VerifiedPayload, std::string, std::vector<std::string>>);

using Edit = std::function<void(v1::Command&)>;

struct BadCase {
  const char* name;
  Edit edit;
  const char* message;
};

v1::Role& Role(v1::Command& command) { return *command.mutable_roles(0); }
v1::Target& Target(v1::Command& command) { return *command.mutable_targets(0); }
v1::Volume& Volume(v1::Command& command) { return *Role(command).mutable_volumes(0); }
v1::Directory& Directory(v1::Command& command) { return *Role(command).mutable_directories(0); }
v1::Sysctl& Sysctl(v1::Command& command) { return *Role(command).mutable_sysctls(0); }

void AddRoles(v1::Command& command, int total) {
  for (int i = command.roles_size(); i < total; ++i) {
    command.add_roles()->set_name(absl::StrCat("role-", i));
  }
}

void AddTargets(v1::Command& command, int total) {
  for (int i = command.targets_size(); i < total; ++i) {
    v1::Target& target = *command.add_targets();
    target.set_node(absl::StrCat("other-", i));
    target.set_role("node");
  }
}

void AddVolumes(v1::Command& command, int total) {
  for (int i = Role(command).volumes_size(); i < total; ++i) {
    v1::Volume& volume = *Role(command).add_volumes();
    volume = Volume(command);
    volume.set_mount_point(absl::StrCat("/mnt/v", i));
  }
}

void AddSources(v1::Command& command, int total) {
  for (int i = Target(command).volumes_size(); i < total; ++i) {
    v1::VolumeSource& source = *Target(command).add_volumes();
    source.set_mount_point(absl::StrCat("/mnt/v", i));
    source.set_device_path(absl::StrCat("/dev/loop", i));
  }
}

void AddDirectories(v1::Command& command, int total) {
  for (int i = Role(command).directories_size(); i < total; ++i) {
    Role(command).add_directories()->set_path(absl::StrCat("/opt/d", i));
  }
}

void AddSysctls(v1::Command& command, int total) {
  for (int i = Role(command).sysctls_size(); i < total; ++i) {
    v1::Sysctl& sysctl = *Role(command).add_sysctls();
    sysctl.set_name(absl::StrCat("vm.s", i));
    sysctl.set_exactly("1");
  }
}

void SetReviewed(v1::Command& command, int total) {
  v1::ReviewedPlan& plan = *Target(command).mutable_reviewed_plan();
  plan.set_plan_id(TestId(9));
  for (int i = 0; i < total; ++i) plan.add_change_sha256(std::string(32, 'x'));
}

// An absolute path of exactly `bytes`.
std::string PathOfLength(size_t bytes) {
  std::string path = "/opt";
  while (path.size() + 101 < bytes) path += "/" + std::string(100, 'p');
  path += "/" + std::string(bytes - path.size() - 1, 'q');
  return path;
}

TEST(CommandTest, AcceptsAWellFormedCommandAndKeepsWhoSignedIt) {
  const absl::StatusOr<Command> command = Parse(ValidCommand(), 2);
  ASSERT_THAT(command, IsOk());
  EXPECT_EQ(command->proto().id(), TestId(1));
  EXPECT_THAT(command->signers(), testing::ElementsAre("signer-0", "signer-1"));
}

TEST(CommandTest, HashesTheSignedBytesThemselves) {
  const absl::StatusOr<Command> command = Parse(ValidCommand(absl::FromUnixMillis(1)));
  ASSERT_THAT(command, IsOk());
  // An equal message in other bytes (a field twice, the last one counts) is another payload.
  v1::Command twice = ValidCommand(absl::FromUnixMillis(1));
  v1::Command first;
  first.set_reason("CHG-1");
  const absl::StatusOr<Command> other =
      Parse(absl::StrCat(first.SerializeAsString(), twice.SerializeAsString()));
  ASSERT_THAT(other, IsOk());
  EXPECT_EQ(other->proto().SerializeAsString(), command->proto().SerializeAsString());
  EXPECT_NE(other->payload_sha256(), command->payload_sha256());
  EXPECT_EQ(command->payload_sha256().size(), 32u);
}

TEST(CommandTest, RefusesBytesThatAreNoCommand) {
  EXPECT_THAT(Parse(std::string("\xff\xff\xff")),
              StatusIs(absl::StatusCode::kInvalidArgument, "not a bpa.v1.Command"));
  EXPECT_THAT(Parse(std::string()), StatusIs(absl::StatusCode::kInvalidArgument, "command.id"));
}

TEST(CommandTest, RefusesFieldsThatItDoesNotKnowAtAnyDepth) {
  v1::Command outer = ValidCommand();
  outer.GetReflection()->MutableUnknownFields(&outer)->AddVarint(1000, 1);
  EXPECT_THAT(Parse(outer), StatusIs(absl::StatusCode::kInvalidArgument,
                                     "bpa.v1.Command has a field that this agent does not know"));
  v1::Command inner = ValidCommand();
  inner.GetReflection()->MutableUnknownFields(&Volume(inner))->AddVarint(1000, 1);
  EXPECT_THAT(Parse(inner), StatusIs(absl::StatusCode::kInvalidArgument,
                                     "bpa.v1.Volume has a field that this agent does not know"));
}

TEST(CommandTest, AcceptsEveryListAndStringAtItsLimit) {
  const std::vector<Edit> edits = {
      [](v1::Command& c) { AddRoles(c, kMaxRoles); },
      [](v1::Command& c) { AddTargets(c, kMaxTargets); },
      [](v1::Command& c) { AddVolumes(c, kMaxVolumesPerRole); },
      [](v1::Command& c) { AddSources(c, kMaxVolumesPerRole); },
      [](v1::Command& c) { AddDirectories(c, kMaxDirectoriesPerRole); },
      [](v1::Command& c) { AddSysctls(c, kMaxSysctlsPerRole); },
      [](v1::Command& c) { SetReviewed(c, kMaxReviewedChanges); },
      [](v1::Command& c) { c.set_cluster(std::string(kMaxNameBytes, 'c')); },
      [](v1::Command& c) { c.set_operator_name(std::string(kMaxNameBytes, 'o')); },
      [](v1::Command& c) { c.set_reason(std::string(kMaxReasonBytes, 'r')); },
      [](v1::Command& c) { c.clear_reason(); },
      [](v1::Command& c) { Directory(c).set_path(PathOfLength(kMaxPathBytes)); },
      [](v1::Command& c) { Directory(c).set_mode(07777); },
      [](v1::Command& c) { Directory(c).set_owner(std::string(kMaxAccountBytes, 'a')); },
      [](v1::Command& c) { Volume(c).set_attach_timeout_seconds(kMaxAttachTimeoutSeconds); },
      [](v1::Command& c) { Volume(c).set_device_timeout_seconds(kMaxDeviceTimeoutSeconds); },
      [](v1::Command& c) { Volume(c).set_mount_options(std::string(kMaxMountOptionsBytes, 'm')); },
      [](v1::Command& c) { Sysctl(c).set_exactly(std::string(kMaxSysctlValueBytes, '1')); },
  };
  for (size_t i = 0; i < edits.size(); ++i) {
    v1::Command command = ValidCommand();
    edits[i](command);
    EXPECT_THAT(Parse(command), IsOk()) << "edit " << i;
  }
}

TEST(CommandTest, RefusesEveryListAndStringBeyondItsLimit) {
  const std::vector<BadCase> cases = {
      {"roles", [](v1::Command& c) { AddRoles(c, kMaxRoles + 1); }, "command.roles: 65 items"},
      {"targets", [](v1::Command& c) { AddTargets(c, kMaxTargets + 1); },
       "command.targets: 513 items"},
      {"volumes", [](v1::Command& c) { AddVolumes(c, kMaxVolumesPerRole + 1); },
       "command.roles[0].volumes: 9 items"},
      {"sources", [](v1::Command& c) { AddSources(c, kMaxVolumesPerRole + 1); },
       "command.targets[0].volumes: 9 items"},
      {"directories", [](v1::Command& c) { AddDirectories(c, kMaxDirectoriesPerRole + 1); },
       "command.roles[0].directories: 257 items"},
      {"sysctls", [](v1::Command& c) { AddSysctls(c, kMaxSysctlsPerRole + 1); },
       "command.roles[0].sysctls: 65 items"},
      {"reviewed", [](v1::Command& c) { SetReviewed(c, kMaxReviewedChanges + 1); },
       "command.targets[0].reviewed_plan.change_sha256: 1025 items"},
      {"cluster", [](v1::Command& c) { c.set_cluster(std::string(kMaxNameBytes + 1, 'c')); },
       "command.cluster"},
      {"operator", [](v1::Command& c) { c.set_operator_name(std::string(254, 'o')); },
       "command.operator_name"},
      {"reason", [](v1::Command& c) { c.set_reason(std::string(kMaxReasonBytes + 1, 'r')); },
       "command.reason"},
      {"path", [](v1::Command& c) { Directory(c).set_path(PathOfLength(kMaxPathBytes + 1)); },
       "command.roles[0].directories[0].path"},
      {"component", [](v1::Command& c) { Directory(c).set_path("/opt/" + std::string(256, 'x')); },
       "command.roles[0].directories[0].path"},
      {"mode", [](v1::Command& c) { Directory(c).set_mode(010000); },
       "command.roles[0].directories[0].mode"},
      {"owner", [](v1::Command& c) { Directory(c).set_owner(std::string(33, 'a')); },
       "command.roles[0].directories[0].owner"},
      {"attach", [](v1::Command& c) { Volume(c).set_attach_timeout_seconds(3601); },
       "attach_timeout_seconds"},
      {"device", [](v1::Command& c) { Volume(c).set_device_timeout_seconds(3601); },
       "device_timeout_seconds"},
      {"options", [](v1::Command& c) { Volume(c).set_mount_options(std::string(1025, 'm')); },
       "mount_options"},
      {"value", [](v1::Command& c) { Sysctl(c).set_exactly(std::string(1025, '1')); }, "exactly"},
      {"names together",
       [](v1::Command& c) {
         for (int i = 0; i < 64; ++i) {
           Role(c).add_directories()->set_path(absl::StrCat(PathOfLength(1022), i % 10, i / 10));
         }
       },
       "bytes together"},
  };
  for (const BadCase& bad : cases) {
    v1::Command command = ValidCommand();
    bad.edit(command);
    EXPECT_THAT(Parse(command), StatusIs(absl::StatusCode::kInvalidArgument, bad.message))
        << bad.name;
  }
}

TEST(CommandTest, RefusesMalformedHeads) {
  const std::vector<BadCase> cases = {
      {"upper-case id", [](v1::Command& c) { c.set_id("01930000-0000-7000-8000-00000000ABCD"); },
       "command.id"},
      {"version 4", [](v1::Command& c) { c.set_id("01930000-0000-4000-8000-000000000001"); },
       "UUIDv7"},
      {"variant", [](v1::Command& c) { c.set_id("01930000-0000-7000-c000-000000000001"); },
       "UUIDv7"},
      {"no id", [](v1::Command& c) { c.clear_id(); }, "command.id"},
      {"no cluster", [](v1::Command& c) { c.clear_cluster(); }, "command.cluster"},
      {"no issue", [](v1::Command& c) { c.clear_issued_at_unix_millis(); }, "issued_at"},
      {"negative issue", [](v1::Command& c) { c.set_issued_at_unix_millis(-1); }, "issued_at"},
      {"huge issue", [](v1::Command& c) { c.set_issued_at_unix_millis(INT64_MAX); }, "issued_at"},
      {"expiry at issue",
       [](v1::Command& c) { c.set_expires_at_unix_millis(c.issued_at_unix_millis()); },
       "expires_at"},
      {"huge expiry", [](v1::Command& c) { c.set_expires_at_unix_millis(INT64_MAX); },
       "expires_at"},
      {"no operator", [](v1::Command& c) { c.clear_operator_name(); }, "operator_name"},
      {"operator with newline", [](v1::Command& c) { c.set_operator_name("a\nb"); },
       "operator_name"},
      {"reason with escape", [](v1::Command& c) { c.set_reason("\x1b[2J"); }, "command.reason"},
      {"no mode", [](v1::Command& c) { c.clear_mode(); }, "command.mode"},
      {"unknown mode", [](v1::Command& c) { c.set_mode(static_cast<v1::Mode>(9)); },
       "command.mode"},
      {"no roles", [](v1::Command& c) { c.clear_roles(); }, "command.roles: is empty"},
      {"no targets", [](v1::Command& c) { c.clear_targets(); }, "command.targets: is empty"},
      {"role twice", [](v1::Command& c) { *c.add_roles() = Role(c); },
       "command.roles[1]: 'node' appears twice"},
      {"node twice", [](v1::Command& c) { *c.add_targets() = Target(c); },
       "command.targets[1]: 'node-1' appears twice"},
  };
  for (const BadCase& bad : cases) {
    v1::Command command = ValidCommand();
    bad.edit(command);
    EXPECT_THAT(Parse(command), StatusIs(absl::StatusCode::kInvalidArgument, bad.message))
        << bad.name;
  }
}

TEST(CommandTest, RefusesMalformedItems) {
  const std::vector<BadCase> cases = {
      {"relative", [](v1::Command& c) { Directory(c).set_path("opt/bpa"); }, "directories[0].path"},
      {"root", [](v1::Command& c) { Directory(c).set_path("/"); }, "directories[0].path"},
      {"dot-dot", [](v1::Command& c) { Directory(c).set_path("/opt/../etc"); }, "'/opt/../etc'"},
      {"dot", [](v1::Command& c) { Directory(c).set_path("/opt/./bpa"); }, "directories[0].path"},
      {"doubled", [](v1::Command& c) { Directory(c).set_path("/opt//bpa"); },
       "directories[0].path"},
      {"trailing", [](v1::Command& c) { Directory(c).set_path("/opt/bpa/"); },
       "directories[0].path"},
      {"control", [](v1::Command& c) { Directory(c).set_path("/opt/a\nb"); }, "'/opt/a\\nb'"},
      {"NUL", [](v1::Command& c) { Directory(c).set_path(std::string("/opt/a\0b", 8)); },
       "directories[0].path"},
      {"path twice", [](v1::Command& c) { *Role(c).add_directories() = Directory(c); },
       "directories[1]: '/opt/bpa/data' appears twice"},
      {"owner", [](v1::Command& c) { Directory(c).set_owner("no body"); }, "directories[0].owner"},
      {"empty group", [](v1::Command& c) { Directory(c).set_group(""); }, "directories[0].group"},
      {"filesystem", [](v1::Command& c) { Volume(c).clear_filesystem(); }, "filesystem"},
      {"unknown filesystem",
       [](v1::Command& c) { Volume(c).set_filesystem(static_cast<v1::FilesystemType>(7)); },
       "filesystem"},
      {"existing content", [](v1::Command& c) { Volume(c).clear_existing_content(); },
       "existing_content"},
      {"option with blank", [](v1::Command& c) { Volume(c).set_mount_options("ro 0 0\n/x"); },
       "mount_options"},
      {"empty option", [](v1::Command& c) { Volume(c).set_mount_options("ro,,noatime"); },
       "mount_options"},
      {"mount point twice", [](v1::Command& c) { *Role(c).add_volumes() = Volume(c); },
       "volumes[1]: '/opt' appears twice"},
      {"sysctl with slash", [](v1::Command& c) { Sysctl(c).set_name("vm/max_map_count"); },
       "sysctls[0].name"},
      {"sysctl with dot-dot", [](v1::Command& c) { Sysctl(c).set_name("vm..max_map_count"); },
       "sysctls[0].name"},
      {"sysctl of one word", [](v1::Command& c) { Sysctl(c).set_name("vm"); }, "sysctls[0].name"},
      {"nothing wanted", [](v1::Command& c) { Sysctl(c).clear_wanted(); }, "neither 'exactly'"},
      {"unfolded", [](v1::Command& c) { Sysctl(c).set_exactly("1  2"); }, "single blanks"},
      {"empty value", [](v1::Command& c) { Sysctl(c).set_exactly(""); }, "single blanks"},
      {"value with newline", [](v1::Command& c) { Sysctl(c).set_exactly("1\n2"); }, "exactly"},
      {"node name", [](v1::Command& c) { Target(c).set_node("node 1"); }, "targets[0].node"},
      {"role name", [](v1::Command& c) { Target(c).set_role("-node"); }, "targets[0].role"},
      {"no source", [](v1::Command& c) { Target(c).mutable_volumes(0)->clear_source(); },
       "neither 'ebs_volume_id'"},
      {"volume id",
       [](v1::Command& c) { Target(c).mutable_volumes(0)->set_ebs_volume_id("vol-xyz"); },
       "ebs_volume_id"},
      {"device path",
       [](v1::Command& c) { Target(c).mutable_volumes(0)->set_device_path("/etc/passwd"); },
       "below /dev"},
      {"device path with dot-dot",
       [](v1::Command& c) { Target(c).mutable_volumes(0)->set_device_path("/dev/../etc/x"); },
       "below /dev"},
      {"plan id",
       [](v1::Command& c) { Target(c).mutable_reviewed_plan()->set_plan_id("last one"); },
       "reviewed_plan.plan_id"},
      {"fingerprint",
       [](v1::Command& c) {
         SetReviewed(c, 0);
         Target(c).mutable_reviewed_plan()->add_change_sha256(std::string(31, 'x'));
       },
       "not 32 bytes"},
  };
  for (const BadCase& bad : cases) {
    v1::Command command = ValidCommand();
    bad.edit(command);
    EXPECT_THAT(Parse(command), StatusIs(absl::StatusCode::kInvalidArgument, bad.message))
        << bad.name;
  }
}

v1::Package& AddPackage(v1::Command& command, const std::string& destination) {
  v1::Package& package = *Role(command).add_packages();
  package.set_destination(destination);
  package.set_label("8.1");
  package.set_manifest_sha256(std::string(32, 'x'));
  package.set_manifest_bytes(100);
  package.set_entries(1);
  return package;
}

TEST(CommandTest, AcceptsPackagesUpToTheirLimits) {
  v1::Command command = ValidCommand();
  for (int i = 0; i < kMaxPackagesPerRole; ++i) AddPackage(command, absl::StrCat("/opt/p", i));
  v1::Package& package = *Role(command).mutable_packages(0);
  package.set_label(std::string(kMaxPackageLabelBytes, 'l'));
  package.set_manifest_bytes(kMaxManifestBytes);
  package.set_manifest_index_bytes(kMaxManifestIndexBytes);
  package.set_entries(kMaxPackageEntries);
  package.set_owner("1000");
  package.set_group("bpa");
  EXPECT_THAT(Parse(command), IsOk());
}

TEST(CommandTest, RefusesMalformedPackages) {
  using PackageEdit = std::function<void(v1::Package&)>;
  const std::vector<std::pair<PackageEdit, const char*>> cases = {
      {[](v1::Package& p) { p.set_destination("/opt/../etc"); }, "packages[0].destination"},
      {[](v1::Package& p) { p.set_destination("opt"); }, "packages[0].destination"},
      {[](v1::Package& p) { p.set_label(std::string(129, 'l')); }, "packages[0].label"},
      {[](v1::Package& p) { p.set_label("8\n1"); }, "packages[0].label"},
      {[](v1::Package& p) { p.set_manifest_sha256("short"); }, "is not 32 bytes long"},
      {[](v1::Package& p) { p.clear_manifest_bytes(); }, "packages[0].manifest_bytes: must be 1"},
      {[](v1::Package& p) { p.set_manifest_bytes(kMaxManifestBytes + 1); }, "manifest_bytes"},
      {[](v1::Package& p) { p.set_manifest_index_bytes(kMaxManifestIndexBytes + 1); },
       "packages[0].manifest_index_bytes: must be at most"},
      {[](v1::Package& p) { p.clear_entries(); }, "packages[0].entries: must be 1"},
      {[](v1::Package& p) { p.set_entries(kMaxPackageEntries + 1); }, "packages[0].entries"},
      {[](v1::Package& p) { p.set_owner("no body"); }, "packages[0].owner"},
      {[](v1::Package& p) { p.set_group(""); }, "packages[0].group"},
  };
  for (const auto& [edit, message] : cases) {
    v1::Command command = ValidCommand();
    edit(AddPackage(command, "/opt/p"));
    EXPECT_THAT(Parse(command), StatusIs(absl::StatusCode::kInvalidArgument, message)) << message;
  }
  v1::Command command = ValidCommand();
  AddPackage(command, "/opt/p");
  AddPackage(command, "/opt/p");
  EXPECT_THAT(Parse(command),
              StatusIs(absl::StatusCode::kInvalidArgument, "packages[1]: '/opt/p' appears twice"));
  for (int i = 0; i < kMaxPackagesPerRole; ++i) AddPackage(command, absl::StrCat("/opt/p", i));
  EXPECT_THAT(Parse(command), StatusIs(absl::StatusCode::kInvalidArgument, "packages: 18 items"));
}

}  // namespace
}  // namespace bpa::executor
