#include "controller/sign.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <nlohmann/json.hpp>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "controller/cluster_template.h"
#include "controller/command_builder.h"
#include "controller/command_file.h"
#include "proto/verifier.h"
#include "tests/controller/run_bpactl.h"
#include "tests/controller/scratch.h"

namespace bpa::controller {
namespace {

using testing::HasSubstr;
using testing::Not;

class SignTest : public testing::Test {
 protected:
  SignTest() {
    WriteFile(scratch_ / "alice.key", alice_.ToPem());
    WriteFile(scratch_ / "alice.pem", alice_.public_key().ToPem());
    Write(Command());
  }

  static v1::Command Command(absl::Time now = absl::Now()) {
    const std::vector<NodeArgument> nodes = {
        *ParseNodeArgument("node-1=10.0.1.11,volume=vol-0123456789abcdef1", 1),
        *ParseNodeArgument("node-4=10.0.1.14,role=bpa-node-4,volume=/dev/nvme1n1", 2)};
    const Cluster cluster = *ParseCluster(RenderCluster("bpa-prod", nodes), "cluster.yaml");
    CommandOptions options;
    options.mode = v1::MODE_APPLY;
    options.reset_directories = true;
    options.operator_name = "alice@bastion";
    options.reason = "CHG-1234";
    return *BuildCommand(cluster, cluster.nodes, options, now);
  }

  void Write(const v1::Command& command) {
    ASSERT_TRUE(WriteCommandFile(file_, *WrapCommand(command)).ok());
  }

  Ran Sign(std::vector<std::string> more, const std::string& input = "") {
    // A home that does not exist: with --key none is needed.
    more.insert(more.begin(), {"--home", scratch_ / "nowhere", "sign", file_});
    return Bpactl(more, input);
  }

  // The signers among alice and `others` whose signatures are good.
  std::vector<std::string> SignersOf(const std::string& path, const PublicKey* other = nullptr) {
    std::vector<TrustedSigner> signers;
    signers.push_back({"alice", *PublicKey::FromPem(alice_.public_key().ToPem())});
    if (other != nullptr) signers.push_back({"other", *PublicKey::FromPem(other->ToPem())});
    const auto verified = Verifier(std::move(signers))
                              .Verify(ReadCommandFile(path)->envelope, kCommandPayloadType, 1);
    return verified.ok() ? verified->signers() : std::vector<std::string>{};
  }

  Scratch scratch_;
  std::string file_ = scratch_ / "command.dsse";
  PrivateKey alice_ = *PrivateKey::GenerateEd25519();
};

TEST_F(SignTest, ShowsAllThatIsSignedThenAsksThenSigns) {
  const Ran ran = Sign({"--key", scratch_ / "alice.key"}, "yes\n");
  ASSERT_EQ(ran.exit_code, kExitConverged) << ran.err;
  const v1::Command command = ReadCommandFile(file_)->command;
  for (const std::string& line :
       {"Command    " + command.id() + "\n", std::string("Cluster    bpa-prod\n"),
        std::string("Mode       apply: CHANGES the nodes, WIPES the directories marked EMPTIED\n"),
        std::string("Operator   alice@bastion\n"), std::string("Reason     CHG-1234\n"),
        std::string("  node-1: role bpa-node-1, /opt on vol-0123456789abcdef1\n"),
        std::string("  node-4: role bpa-node-4, /opt on /dev/nvme1n1\n"),
        std::string("Role bpa-node-1\n  volume /opt: xfs, FORMATTED if proven blank, existing "
                    "files migrated, grown\n  directory /opt/bpa/data: EMPTIED\n  directory "
                    "/opt/bpa/data/zookeeper1: mode 0777\n"),
        std::string("  directory /opt/bpa/data/elk\n"),
        std::string("  sysctl vm.max_map_count: at least 262144\n"),
        std::string(" UTC (in 9 min ")}) {
    EXPECT_THAT(ran.out, HasSubstr(line));
  }
  EXPECT_THAT(ran.err, HasSubstr("Sign this with key " + alice_.public_key().id() + "? "));
  EXPECT_THAT(ran.out, HasSubstr("has 1 signature\n"));
  EXPECT_EQ(SignersOf(file_), std::vector<std::string>{"alice"});
}

TEST_F(SignTest, SignsNothingWithoutAYes) {
  const std::string before = ReadFile(file_);
  for (const char* answer : {"no\n", "", "\n", "yess\n", "maybe\nyes\n"}) {
    const Ran ran = Sign({"--key", scratch_ / "alice.key"}, answer);
    EXPECT_EQ(ran.exit_code, kExitUsage) << answer;
    EXPECT_THAT(ran.err, HasSubstr("bpactl: not signed\n"));
    EXPECT_EQ(ReadFile(file_), before);
  }
}

TEST_F(SignTest, AddsASecondSignatureBesideTheFirstButNeverTwiceTheSame) {
  const PrivateKey bob = *PrivateKey::GenerateEcdsaP256();
  WriteFile(scratch_ / "bob.key", bob.ToPem());
  ASSERT_EQ(Sign({"--yes", "--key", scratch_ / "alice.key"}).exit_code, kExitConverged);
  const Ran second = Sign({"--yes", "--key", scratch_ / "bob.key", "--output", "json"});
  ASSERT_EQ(second.exit_code, kExitConverged) << second.err;
  const auto document = nlohmann::json::parse(second.out);
  EXPECT_EQ(document["signatures"], 2);
  EXPECT_EQ(document["key"], bob.public_key().id());
  EXPECT_EQ(SignersOf(file_, &bob.public_key()), (std::vector<std::string>{"alice", "other"}));

  const std::string before = ReadFile(file_);
  const Ran again = Sign({"--yes", "--key", scratch_ / "bob.key"});
  EXPECT_EQ(again.exit_code, kExitUsage);
  EXPECT_THAT(again.err, HasSubstr("has already signed this command"));
  EXPECT_EQ(ReadFile(file_), before);
}

TEST_F(SignTest, WritesElsewhereWhenAskedAndLeavesTheFileAlone) {
  const std::string before = ReadFile(file_);
  ASSERT_EQ(
      Sign({"--yes", "--key", scratch_ / "alice.key", "--write", scratch_ / "signed"}).exit_code,
      kExitConverged);
  EXPECT_EQ(ReadFile(file_), before);
  EXPECT_EQ(SignersOf(scratch_ / "signed"), std::vector<std::string>{"alice"});
}

TEST_F(SignTest, SignsWithTheHomesKeyByDefault) {
  ASSERT_EQ(Bpactl({"--home", scratch_ / "home", "init", "--cluster", "c"}).exit_code, 0);
  const Ran ran = Bpactl({"--home", scratch_ / "home", "sign", "--yes", file_});
  ASSERT_EQ(ran.exit_code, kExitConverged) << ran.err;
  const PublicKey home_key = *PublicKey::FromPem(ReadFile(scratch_ / "home/signer.pem"));
  EXPECT_EQ(SignersOf(file_, &home_key), std::vector<std::string>{"other"});
  const Ran none = Sign({"--yes"});
  EXPECT_EQ(none.exit_code, kExitUsage);
  EXPECT_THAT(none.err, HasSubstr("signer.key does not exist: run `bpactl init`, or sign"));
}

TEST_F(SignTest, OpensslSignsWhatIsExportedWithAnEd25519Key) {
  const Ran exported = Sign({"--export-pae", scratch_ / "pae"});
  ASSERT_EQ(exported.exit_code, kExitConverged) << exported.err;
  EXPECT_THAT(exported.out, HasSubstr("Cluster    bpa-prod\n"));
  EXPECT_THAT(exported.out, HasSubstr("openssl pkeyutl -sign -rawin -inkey KEY -in "));
  ASSERT_EQ(Shell(absl::StrCat("openssl pkeyutl -sign -rawin -inkey ", scratch_ / "alice.key",
                               " -in ", scratch_ / "pae", " -out ", scratch_ / "signature")),
            0);
  const Ran attached =
      Sign({"--attach", scratch_ / "signature", "--public-key", scratch_ / "alice.pem"});
  ASSERT_EQ(attached.exit_code, kExitConverged) << attached.err;
  EXPECT_EQ(SignersOf(file_), std::vector<std::string>{"alice"});
}

TEST_F(SignTest, OpensslSignsWhatIsExportedWithItsOwnP256Key) {
  ASSERT_EQ(Sign({"--export-pae", scratch_ / "pae"}).exit_code, kExitConverged);
  const std::string key = scratch_ / "bob.key";
  const std::string pem = scratch_ / "bob.pem";
  ASSERT_EQ(Shell("openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out " + key), 0);
  ASSERT_EQ(Shell(absl::StrCat("openssl pkey -in ", key, " -pubout -out ", pem)), 0);
  ASSERT_EQ(Shell(absl::StrCat("openssl dgst -sha256 -sign ", key, " -out ", scratch_ / "signature",
                               " ", scratch_ / "pae")),
            0);
  const Ran attached = Sign({"--attach", scratch_ / "signature", "--public-key", pem});
  ASSERT_EQ(attached.exit_code, kExitConverged) << attached.err;
  const PublicKey bob = *PublicKey::FromPem(ReadFile(pem));
  EXPECT_EQ(SignersOf(file_, &bob), std::vector<std::string>{"other"});
}

TEST_F(SignTest, AttachesNoSignatureOfOtherBytesOrAnotherKey) {
  const std::string before = ReadFile(file_);
  WriteFile(scratch_ / "signature", *alice_.Sign("other bytes"));
  const Ran ran =
      Sign({"--attach", scratch_ / "signature", "--public-key", scratch_ / "alice.pem"});
  EXPECT_EQ(ran.exit_code, kExitUsage);
  EXPECT_THAT(ran.err, HasSubstr("signature: the signature is not this key's over these bytes; "
                                 "sign what --export-pae writes"));
  WriteFile(scratch_ / "signature", std::string(kMaxSignatureBytes + 1, 'x'));
  EXPECT_THAT(
      Sign({"--attach", scratch_ / "signature", "--public-key", scratch_ / "alice.pem"}).err,
      HasSubstr("longer than the 160 bytes allowed"));
  EXPECT_EQ(ReadFile(file_), before);
}

TEST_F(SignTest, RefusesFilesThatHoldNoCommandNamingThem) {
  const std::string good = ReadFile(file_);
  Envelope report = *DecodeEnvelope(good);
  report.payload_type = std::string(kReportPayloadType);
  Envelope nonsense = *DecodeEnvelope(good);
  nonsense.payload = "\xff\xff";
  Envelope newer = *DecodeEnvelope(good);
  newer.payload += std::string("\xf8\x7f\x01", 3);  // field 2047, a varint
  const std::pair<std::string, std::string> cases[] = {
      {"", ""},
      {good + "x", ""},
      {good.substr(0, good.size() - 1), ""},
      {*EncodeEnvelope(report), "there is no command in it"},
      {*EncodeEnvelope(nonsense), "the envelope's payload is not a command"},
      {*EncodeEnvelope(newer), "something that this bpactl does not know and cannot show"},
      {std::string(kMaxEnvelopeBytes + 1, 'x'), "bytes allowed"},
  };
  for (const auto& [bytes, message] : cases) {
    WriteFile(file_, bytes);
    const Ran ran = Sign({"--yes", "--key", scratch_ / "alice.key"});
    EXPECT_EQ(ran.exit_code, kExitUsage);
    EXPECT_THAT(ran.err, HasSubstr("bpactl: " + file_ + ": "));
    EXPECT_THAT(ran.err, HasSubstr(message));
    EXPECT_EQ(ReadFile(file_), bytes);
  }
}

TEST_F(SignTest, RefusesAnExpiredCommandAndAKeyThatOthersMayRead) {
  chmod((scratch_ / "alice.key").c_str(), 0644);
  EXPECT_THAT(Sign({"--yes", "--key", scratch_ / "alice.key"}).err, HasSubstr("chmod o="));
  chmod((scratch_ / "alice.key").c_str(), 0600);
  Write(Command(absl::Now() - absl::Minutes(11)));
  EXPECT_THAT(Sign({"--yes", "--key", scratch_ / "alice.key"}).err,
              HasSubstr("the command has expired and no node would take it"));
}

TEST_F(SignTest, PrintsNoControlCharactersOfWhoeverWroteTheCommand) {
  v1::Command command = Command();
  command.set_reason("fine\r\x1b[2Kfaked");
  command.mutable_roles(0)->mutable_directories(1)->set_path("/opt/\x1b[1A");
  Write(command);
  const Ran ran = Sign({"--key", scratch_ / "alice.key"}, "no\n");
  EXPECT_THAT(ran.out, HasSubstr("fine\\r\\033[2Kfaked"));
  EXPECT_THAT(ran.out, Not(HasSubstr("\x1b")));
  EXPECT_THAT(ran.out, Not(HasSubstr("\r")));
}

TEST_F(SignTest, RefusesOptionsThatContradictEachOther) {
  EXPECT_EQ(Sign({"--attach", "s"}).exit_code, kExitUsage);
  EXPECT_EQ(Sign({"--public-key", "p"}).exit_code, kExitUsage);
  EXPECT_EQ(Sign({"--attach", "s", "--public-key", "p", "--key", "k"}).exit_code, kExitUsage);
  EXPECT_EQ(Sign({"--export-pae", "f", "--key", "k"}).exit_code, kExitUsage);
}

}  // namespace
}  // namespace bpa::controller
