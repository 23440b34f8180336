// `bpactl stage`, and what the other verbs do about packages.
#include "controller/stage.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "controller/command_builder.h"
#include "controller/command_file.h"
#include "tests/controller/fake_node.h"
#include "tests/controller/run_bpactl.h"
#include "tests/temporary_directory.h"

namespace bpa::controller {
namespace {

using ::bpa::testing::TemporaryDirectory;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class StageTest : public ::testing::Test {
 protected:
  StageTest() {
    source_.Write("image.tar", std::string(100'000, 'x'));
    label_ = std::filesystem::path(source_.path()).filename();
  }

  Ran Run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"--home", fleet_.home().path()});
    return Bpactl(arguments);
  }
  // The signed command that the arguments make; nothing is sent.
  v1::Command Written(std::vector<std::string> arguments) {
    const std::string file = fleet_.scratch() / "command.dsse";
    arguments.insert(arguments.end(), {"--write", file});
    const Ran ran = Run(arguments);
    EXPECT_EQ(ran.exit_code, kExitConverged) << ran.err;
    EXPECT_THAT(fleet_.contacted(), IsEmpty());
    const auto read = ReadCommandFile(file);
    EXPECT_TRUE(read.ok()) << read.status();
    return read.ok() ? read->command : v1::Command();
  }
  v1::Command Received(size_t node, size_t call) {
    return ReadSentCommand(fleet_[node].received().at(call))->command;
  }
  void AddToCluster(const std::string& text) {
    std::ofstream(fleet_.home().cluster_path(), std::ios::app) << text;
  }
  void ExpectNothingIsSent(const std::vector<std::string>& arguments, const std::string& message) {
    const Ran ran = Run(arguments);
    EXPECT_EQ(ran.exit_code, kExitUsage);
    EXPECT_THAT(ran.err, HasSubstr(message));
    EXPECT_THAT(fleet_.contacted(), IsEmpty());
  }

  FakeFleet fleet_{2};
  const TemporaryDirectory source_;
  std::string label_;
};

TEST_F(StageTest, SignsThePackageAndTheVolumesThatItNeedsAndNothingElse) {
  const v1::Command command = Written({"stage", source_.path()});
  EXPECT_EQ(command.mode(), v1::MODE_APPLY);
  ASSERT_EQ(command.targets_size(), 2);
  for (const v1::Role& role : command.roles()) {
    ASSERT_EQ(role.packages_size(), 1);
    const v1::Package& package = role.packages(0);
    EXPECT_EQ(package.destination(), "/opt/bpa/packages");
    EXPECT_EQ(package.label(), label_);
    EXPECT_EQ(package.manifest_sha256().size(), 32u);
    EXPECT_EQ(package.content_bytes(), 100'000u);
    EXPECT_EQ(package.entries(), 2u);
    EXPECT_GT(package.manifest_bytes(), 32u);
    EXPECT_EQ(role.directories_size() + role.sysctls_size(), 0);
    ASSERT_EQ(role.volumes_size(), 1);
    EXPECT_FALSE(role.volumes(0).format_if_blank());
  }
}

TEST_F(StageTest, TakesDestinationLabelAndNodes) {
  const v1::Command command = Written({"stage", source_.path(), "node-2", "--to", "/srv/bpa",
                                       "--label", "5.1", "--keep-previous", "--limit-rate", "10M"});
  ASSERT_EQ(command.targets_size(), 1);
  EXPECT_EQ(command.targets(0).node(), "node-2");
  const v1::Package& package = command.roles(0).packages(0);
  EXPECT_EQ(package.destination(), "/srv/bpa");
  EXPECT_EQ(package.label(), "5.1");
  EXPECT_TRUE(package.keep_previous());
  EXPECT_EQ(command.roles(0).volumes_size(), 0) << "no volume is beneath /srv";
}

TEST_F(StageTest, SaysWhatItMadeAndPlansOnlyWhereAsked) {
  const Ran ran = Run({"stage", source_.path(), "--plan-only"});
  EXPECT_EQ(ran.exit_code, kExitDifferences);
  EXPECT_THAT(ran.err, AllOf(HasSubstr("Package '" + label_ + "' ("),
                             HasSubstr("): 97.7 KiB, 2 entries, from '" + source_.path() + "'")));
  EXPECT_EQ(Received(0, 0).mode(), v1::MODE_PLAN);
  EXPECT_EQ(Received(0, 0).roles(0).packages_size(), 1);
  EXPECT_EQ(Run({"--output", "json", "stage", source_.path(), "--plan-only"}).err, "");
}

TEST_F(StageTest, KeepsWhatTheClusterSaysOfThatDestination) {
  AddToCluster(
      "packages:\n  - {source: /nowhere, owner: bpa, mode: {files: \"0600\"}, keep_previous: "
      "true}\n");
  const v1::Command command = Written({"stage", source_.path()});
  ASSERT_EQ(command.roles(0).packages_size(), 1);
  EXPECT_EQ(command.roles(0).packages(0).owner(), "bpa");
  EXPECT_EQ(command.roles(0).packages(0).label(), label_);
  EXPECT_TRUE(command.roles(0).packages(0).keep_previous());
  EXPECT_FALSE(
      Written({"stage", source_.path(), "--to", "/opt/other"}).roles(0).packages(0).has_owner());
}

TEST_F(StageTest, PlanApplyAndVerifyHoldTheClustersPackages) {
  AddToCluster(absl::StrCat("packages:\n  - source: ", source_.path(), "\n"));
  Run({"plan"});
  Run({"verify"});
  ASSERT_EQ(Received(0, 0).roles(0).packages_size(), 1);
  EXPECT_EQ(Received(0, 1).mode(), v1::MODE_VERIFY);
  ASSERT_EQ(Received(0, 1).roles(0).packages_size(), 1);
  EXPECT_EQ(Received(0, 0).roles(0).packages(0).manifest_sha256(),
            Received(0, 1).roles(0).packages(0).manifest_sha256());
  Run({"sysctl", "--plan-only"});
  EXPECT_EQ(Received(0, 2).roles(0).packages_size(), 0);
}

TEST_F(StageTest, NamesWhatIsInTheWayAndSendsNothing) {
  ExpectNothingIsSent({"stage", "--yes"}, "which directory?");
  ExpectNothingIsSent({"stage", "/absent", "--yes"}, "'/absent'");
  ExpectNothingIsSent({"stage", source_.path(), "--yes", "--to", "packages"},
                      "--to: 'packages' must be an absolute path");
  ExpectNothingIsSent({"stage", source_.path(), "--yes", "--to", "/opt"},
                      "--to: '/opt' would hold the mount point '/opt'");
  ExpectNothingIsSent({"stage", source_.path(), "--yes", "--to", "/opt/bpa/data"},
                      "would replace the directory");
  ExpectNothingIsSent({"stage", "/", "--yes"}, "'/' has no name that can be the label");
  ExpectNothingIsSent({"stage", source_.path(), "--yes", "--label", "a\nb"}, "--label: 'a\\nb'");
  for (const char* rate : {"fast", "0", "-1", "10X", "M", ""}) {
    ExpectNothingIsSent({"stage", source_.path(), "--yes", "--limit-rate", rate}, "is no rate");
  }
  ASSERT_EQ(mkfifo(source_.File("pipe").c_str(), 0600), 0);
  ExpectNothingIsSent({"stage", source_.path(), "--yes"}, "/pipe' is a FIFO");
}

TEST_F(StageTest, WithoutATerminalAndWithoutYesNothingIsSent) {
  ExpectNothingIsSent({"stage", source_.path()}, "--yes");
}

TEST_F(StageTest, RollsBackToWhatTheHomeKnows) {
  ExpectNothingIsSent({"stage", "--rollback", "--yes"}, "no earlier package at /opt/bpa/packages");
  v1::Command command = Written({"stage", source_.path(), "--label", "5.0"});
  for (const char* label : {"5.0", "5.1"}) {
    // As if they had been sent and carried out.
    command.set_id(absl::StrCat("01930000-", label));
    for (v1::Role& role : *command.mutable_roles()) {
      role.mutable_packages(0)->set_label(label);
      role.mutable_packages(0)->set_manifest_sha256(std::string(32, label[2]));
    }
    ASSERT_TRUE(fleet_.home()
                    .SaveCommand(command.id(), EncodeEnvelope(*WrapCommand(command)).value())
                    .ok());
    v1::Report report;
    v1::ResourceResult* resource = report.add_resources();
    resource->set_kind(v1::RESOURCE_KIND_PACKAGE);
    resource->set_name("/opt/bpa/packages");
    resource->set_status(v1::RESOURCE_STATUS_CHANGED);
    const std::string envelope = EncodeEnvelope({.payload_type = std::string(kReportPayloadType),
                                                 .payload = report.SerializeAsString()})
                                     .value();
    ASSERT_TRUE(fleet_.home().SaveReport(command.id(), "node-1", envelope).ok());
  }
  const v1::Command rollback = Written({"stage", "--rollback", "node-1"});
  ASSERT_EQ(rollback.targets_size(), 1);
  const v1::Package& package = rollback.roles(0).packages(0);
  EXPECT_TRUE(package.rollback());
  EXPECT_EQ(package.label(), "5.0");
  EXPECT_EQ(package.manifest_sha256(), std::string(32, '0'));
  EXPECT_EQ(rollback.roles(0).volumes_size(), 1);
}

TEST_F(StageTest, ShowsTheSignerWhatIsPublished) {
  const std::string file = fleet_.scratch() / "command.dsse";
  Run({"stage", source_.path(), "--label", "5.1", "--write", file});
  const v1::Command command = ReadCommandFile(file)->command;
  const std::string digest = absl::BytesToHexString(command.roles(0).packages(0).manifest_sha256());
  EXPECT_THAT(Run({"sign", file}).out + Run({"sign", file}).err,
              HasSubstr("package /opt/bpa/packages: '5.1' published, SHA-256 " + digest +
                        ", 2 entries, 100000 bytes"));
}

TEST_F(StageTest, RefusesASignedCommandWhoseContentIsNotHere) {
  const std::string file = fleet_.scratch() / "command.dsse";
  Run({"stage", source_.path(), "--write", file});
  std::filesystem::remove_all(fleet_.home().path() + "/packages");
  ExpectNothingIsSent({"apply", "--signed", file, "--yes"},
                      "a package of this command is not known here");
}

}  // namespace
}  // namespace bpa::controller
