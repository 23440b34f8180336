#include "controller/command_builder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "controller/cluster_template.h"
#include "proto/limits.h"
#include "proto/verifier.h"

namespace bpa::controller {
namespace {

using testing::HasSubstr;

const absl::Time kNow = absl::FromUnixMillis(1'795'000'000'123);

std::string Message(const absl::Status& status) { return std::string(status.message()); }

Cluster FourNodes() {
  std::vector<NodeArgument> nodes;
  for (int i = 1; i <= 4; ++i) {
    nodes.push_back(*ParseNodeArgument(
        absl::StrCat("node-", i, "=10.0.1.1", i, ",volume=vol-0123456789abcdef", i), i));
  }
  const auto cluster = ParseCluster(RenderCluster("bpa-prod", nodes), "cluster.yaml");
  EXPECT_TRUE(cluster.ok()) << cluster.status();
  return cluster.value_or(Cluster());
}

CommandOptions Apply() {
  CommandOptions options;
  options.mode = v1::MODE_APPLY;
  options.operator_name = "alice@bastion";
  options.reason = "CHG-1234";
  return options;
}

class CommandBuilderTest : public testing::Test {
 protected:
  absl::StatusOr<v1::Command> Build(const CommandOptions& options) {
    return BuildCommand(cluster_, cluster_.nodes, options, kNow);
  }

  Cluster cluster_ = FourNodes();
};

TEST_F(CommandBuilderTest, CarriesTheWholeClusterByDefault) {
  const auto command = Build(Apply());
  ASSERT_TRUE(command.ok()) << command.status();
  EXPECT_EQ(command->cluster(), "bpa-prod");
  EXPECT_EQ(command->mode(), v1::MODE_APPLY);
  EXPECT_EQ(command->operator_name(), "alice@bastion");
  EXPECT_EQ(command->reason(), "CHG-1234");
  EXPECT_EQ(command->issued_at_unix_millis(), 1'795'000'000'123);
  EXPECT_EQ(command->expires_at_unix_millis(), 1'795'000'000'123 + 10 * 60 * 1000);
  EXPECT_FALSE(command->reset_directories());
  ASSERT_EQ(command->roles_size(), 4);
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(command->roles(i).DebugString(), cluster_.roles[i].DebugString());
    const v1::Target& target = command->targets(i);
    EXPECT_EQ(target.node(), absl::StrCat("node-", i + 1));
    EXPECT_EQ(target.role(), absl::StrCat("bpa-node-", i + 1));
    ASSERT_EQ(target.volumes_size(), 1);
    EXPECT_EQ(target.volumes(0).ebs_volume_id(), absl::StrCat("vol-0123456789abcdef", i + 1));
    EXPECT_FALSE(target.has_reviewed_plan());
  }
}

TEST_F(CommandBuilderTest, CarriesOnlyTheRolesOfTheNodesThatAreNamed) {
  const auto nodes = SelectNodes(cluster_, {"node-2"});
  const auto command = BuildCommand(cluster_, *nodes, Apply(), kNow);
  ASSERT_TRUE(command.ok()) << command.status();
  ASSERT_EQ(command->roles_size(), 1);
  EXPECT_EQ(command->roles(0).name(), "bpa-node-2");
  ASSERT_EQ(command->targets_size(), 1);
}

TEST_F(CommandBuilderTest, SysctlsAloneNeedNoVolumes) {
  CommandOptions options = Apply();
  options.parts = {.volumes = false, .directories = false};
  const auto command = Build(options);
  ASSERT_TRUE(command.ok()) << command.status();
  for (const v1::Role& role : command->roles()) {
    EXPECT_EQ(role.volumes_size(), 0);
    EXPECT_EQ(role.directories_size(), 0);
    EXPECT_EQ(role.sysctls_size(), 1);
    EXPECT_TRUE(role.partial()) << "what else was applied before stays wanted";
  }
  EXPECT_FALSE(Build(Apply())->roles(0).partial());
  for (const v1::Target& target : command->targets()) EXPECT_EQ(target.volumes_size(), 0);
}

TEST_F(CommandBuilderTest, DirectoriesBringTheirVolumesAsAGuardThatTouchesNoData) {
  CommandOptions options = Apply();
  options.parts = {.volumes = false, .sysctls = false};
  const auto command = Build(options);
  ASSERT_TRUE(command.ok()) << command.status();
  for (const v1::Role& role : command->roles()) {
    EXPECT_EQ(role.sysctls_size(), 0);
    ASSERT_EQ(role.volumes_size(), 1);
    EXPECT_EQ(role.volumes(0).mount_point(), "/opt");
    EXPECT_FALSE(role.volumes(0).format_if_blank());
    EXPECT_FALSE(role.volumes(0).grow());
    EXPECT_EQ(role.volumes(0).existing_content(), v1::EXISTING_CONTENT_REFUSE);
  }
  for (const v1::Target& target : command->targets()) EXPECT_EQ(target.volumes_size(), 1);
}

TEST_F(CommandBuilderTest, BindsEachNodeToItsOwnReviewedPlan) {
  CommandOptions options = Apply();
  options.reviewed_plans["node-3"].set_plan_id("01970000-0000-7000-8000-000000000000");
  options.reviewed_plans["node-3"].add_change_sha256(std::string(32, 'x'));
  const auto command = Build(options);
  ASSERT_TRUE(command.ok()) << command.status();
  EXPECT_FALSE(command->targets(0).has_reviewed_plan());
  EXPECT_EQ(command->targets(2).reviewed_plan().change_sha256(0), std::string(32, 'x'));
}

v1::Package PackageAt(const std::string& destination) {
  v1::Package package;
  package.set_destination(destination);
  package.set_label("5.1");
  package.set_manifest_sha256(std::string(32, 'x'));
  return package;
}

TEST_F(CommandBuilderTest, CarriesEachRolesPackages) {
  CommandOptions options = Apply();
  options.packages["bpa-node-1"] = {PackageAt("/opt/bpa/packages"), PackageAt("/opt/extra")};
  options.packages["bpa-node-3"] = {PackageAt("/opt/bpa/packages")};
  const auto command = Build(options);
  ASSERT_TRUE(command.ok()) << command.status();
  ASSERT_EQ(command->roles(0).packages_size(), 2);
  EXPECT_EQ(command->roles(0).packages(1).destination(), "/opt/extra");
  EXPECT_EQ(command->roles(1).packages_size(), 0);
  EXPECT_EQ(command->roles(2).packages_size(), 1);
  options.parts.packages = false;
  EXPECT_EQ(Build(options)->roles(0).packages_size(), 0);
}

TEST_F(CommandBuilderTest, GuardsPackagesByTheVolumesThatHoldThem) {
  CommandOptions options = Apply();
  options.parts = {.volumes = false, .directories = false, .sysctls = false, .packages = true};
  options.packages["bpa-node-1"] = {PackageAt("/opt/bpa/packages")};
  options.packages["bpa-node-2"] = {PackageAt("/srv/packages")};
  const auto command = Build(options);
  ASSERT_TRUE(command.ok()) << command.status();
  const v1::Role& role = command->roles(0);
  EXPECT_EQ(role.directories_size(), 0);
  EXPECT_EQ(role.sysctls_size(), 0);
  ASSERT_EQ(role.volumes_size(), 1);
  EXPECT_EQ(role.volumes(0).mount_point(), "/opt");
  EXPECT_FALSE(role.volumes(0).format_if_blank());
  EXPECT_FALSE(role.volumes(0).grow());
  EXPECT_EQ(role.volumes(0).existing_content(), v1::EXISTING_CONTENT_REFUSE);
  EXPECT_EQ(command->targets(0).volumes_size(), 1);
  EXPECT_EQ(command->roles(1).volumes_size(), 0) << "nothing goes there";
}

TEST_F(CommandBuilderTest, RefusesWhatTheExecutorWouldRefuse) {
  CommandOptions options = Apply();
  options.operator_name = std::string(kMaxNameBytes + 1, 'a');
  EXPECT_EQ(Message(Build(options).status()), "the operator's name is 254 bytes long; at most 253");
  options = Apply();
  options.reason = std::string(kMaxReasonBytes, 'a');
  EXPECT_TRUE(Build(options).ok());
  options.reason += "a";
  EXPECT_EQ(Message(Build(options).status()), "the reason is 1025 bytes long; at most 1024");
  options.reason = "two\nlines";
  EXPECT_EQ(Message(Build(options).status()), "the reason must not hold control characters");
  options = Apply();
  options.validity = absl::ZeroDuration();
  EXPECT_EQ(Message(Build(options).status()), "the validity must be longer than nothing");
  options = Apply();
  options.parts = {.volumes = false, .directories = false, .sysctls = false, .packages = false};
  EXPECT_EQ(Message(Build(options).status()), "the command would carry nothing");
  options = Apply();
  options.mode = v1::MODE_UNSPECIFIED;
  EXPECT_EQ(Message(Build(options).status()), "the mode must be plan, apply or verify");
  EXPECT_EQ(Message(BuildCommand(cluster_, {}, Apply(), kNow).status()), "no node is selected");
  for (int i = 0; i <= kMaxReviewedChanges; ++i) {
    options.reviewed_plans["node-1"].add_change_sha256(std::string(32, 'x'));
  }
  options.mode = v1::MODE_APPLY;
  EXPECT_EQ(Message(Build(options).status()),
            "the plan of node 'node-1' has 1025 changes; at most 1024");
}

TEST_F(CommandBuilderTest, SaysWhatToDoWithACommandThatIsTooLarge) {
  v1::Role& role = cluster_.roles[0];
  for (int i = 0; i < 300; ++i) role.add_directories()->set_path(std::string(1000, 'x'));
  const auto envelope = WrapCommand(*Build(Apply()));
  EXPECT_EQ(envelope.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Message(envelope.status()), HasSubstr("name some nodes instead of the whole"));
}

TEST_F(CommandBuilderTest, SignsTheBytesThatTheVerifierChecks) {
  const PrivateKey ed25519 = *PrivateKey::GenerateEd25519();
  const PrivateKey p256 = *PrivateKey::GenerateEcdsaP256();
  Envelope envelope = *WrapCommand(*Build(Apply()));
  ASSERT_TRUE(SignEnvelope(ed25519, &envelope).ok());
  ASSERT_TRUE(SignEnvelope(p256, &envelope).ok());
  std::vector<TrustedSigner> signers;
  signers.push_back({"alice", *PublicKey::FromPem(ed25519.public_key().ToPem())});
  signers.push_back({"bob", *PublicKey::FromPem(p256.public_key().ToPem())});
  const auto verified =
      Verifier(std::move(signers))
          .Verify(*DecodeEnvelope(*EncodeEnvelope(envelope)), kCommandPayloadType, 2);
  ASSERT_TRUE(verified.ok()) << verified.status();
  EXPECT_EQ(verified->bytes(), envelope.payload);
}

TEST_F(CommandBuilderTest, DoesNotSignTwiceWithOneKeyWhateverTheHintSays) {
  for (const PrivateKey& key : {*PrivateKey::GenerateEd25519(), *PrivateKey::GenerateEcdsaP256()}) {
    Envelope envelope = *WrapCommand(*Build(Apply()));
    ASSERT_TRUE(SignEnvelope(key, &envelope).ok());
    envelope.signatures[0].key_id = "another";
    EXPECT_EQ(SignEnvelope(key, &envelope).code(), absl::StatusCode::kAlreadyExists);
    EXPECT_EQ(envelope.signatures.size(), 1u);
  }
}

TEST_F(CommandBuilderTest, AForeignSignatureUnderOurHintDoesNotKeepUsFromSigning) {
  const PrivateKey key = *PrivateKey::GenerateEd25519();
  Envelope envelope = *WrapCommand(*Build(Apply()));
  envelope.signatures.push_back({key.public_key().id(), std::string(64, 'x')});
  EXPECT_TRUE(SignEnvelope(key, &envelope).ok());
  EXPECT_EQ(envelope.signatures.size(), 2u);
}

TEST_F(CommandBuilderTest, AttachesOnlySignaturesThatVerifyAndNotMoreThanFit) {
  Envelope envelope = *WrapCommand(*Build(Apply()));
  const PrivateKey key = *PrivateKey::GenerateEd25519();
  EXPECT_EQ(AttachSignature(key.public_key(), std::string(64, 'x'), &envelope).code(),
            absl::StatusCode::kUnauthenticated);
  EXPECT_TRUE(envelope.signatures.empty());
  for (size_t i = 0; i < kMaxSignatures; ++i) {
    ASSERT_TRUE(SignEnvelope(*PrivateKey::GenerateEd25519(), &envelope).ok());
  }
  EXPECT_EQ(SignEnvelope(key, &envelope).code(), absl::StatusCode::kInvalidArgument);
}

TEST(NewCommandIdTest, IsAVersion7UuidOfTheMoment) {
  const auto id = NewCommandId(kNow);
  ASSERT_TRUE(id.ok());
  EXPECT_THAT(*id, testing::MatchesRegex("[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-"
                                         "[89ab][0-9a-f]{3}-[0-9a-f]{12}"));
  EXPECT_EQ(std::stoll(id->substr(0, 8) + id->substr(9, 4), nullptr, 16), 1'795'000'000'123);
}

TEST(NewCommandIdTest, DiffersEachTimeAndSortsByTime) {
  std::set<std::string> ids;
  for (int i = 0; i < 1000; ++i) ids.insert(*NewCommandId(kNow));
  EXPECT_EQ(ids.size(), 1000u);
  EXPECT_LT(*ids.rbegin(), *NewCommandId(kNow + absl::Milliseconds(1)));
}

TEST(DefaultOperatorTest, IsThePersonBehindSudo) {
  setenv("USER", "root", 1);
  setenv("SUDO_USER", "alice", 1);
  EXPECT_THAT(DefaultOperator(), testing::StartsWith("alice@"));
  unsetenv("SUDO_USER");
  EXPECT_THAT(DefaultOperator(), testing::StartsWith("root@"));
  unsetenv("USER");
  EXPECT_THAT(DefaultOperator(), testing::StartsWith(absl::StrCat(getuid(), "@")));
}

}  // namespace
}  // namespace bpa::controller
