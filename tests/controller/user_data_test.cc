#include "controller/user_data.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "controller/shipped_files.h"
#include "proto/enrollment_proof.h"

namespace bpa::controller {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

const std::string kSum(64, 'a');

class UserDataTest : public testing::Test {
 protected:
  absl::StatusOr<std::string> Script(const std::string& package, const std::string& sum = kSum) {
    return RenderScript({.cluster = "bpa-prod",
                         .node = node_,
                         .ca_certificate = "authority\n",
                         .signer = signer_,
                         .signer_name = "bastion",
                         .policy = policy_,
                         .join_secret = std::string(kJoinSecretBytes, 's'),
                         .package = package,
                         .package_sha256 = package.empty() ? "" : sum,
                         .rejoin = false});
  }
  void ExpectRefused(const std::string& package, const std::string& complaint) {
    const auto script = Script(package);
    EXPECT_EQ(script.status().code(), absl::StatusCode::kInvalidArgument) << package;
    EXPECT_THAT(std::string(script.status().message()), HasSubstr(complaint)) << package;
  }

  const Node node_{.name = "node-1", .address = "10.0.1.11:7000", .role = "", .volumes = {}};
  const PrivateKey key_ = *PrivateKey::GenerateEd25519();
  const PublicKey& signer_ = key_.public_key();
  std::string policy_ = std::string(ShippedPolicy());
};

TEST_F(UserDataTest, HoldsWhatTheNodeNeedsAndNoKeyOfTheBastion) {
  const std::string script = *Script("https://example.com/bpa-agent.deb");
  EXPECT_THAT(script, AllOf(StartsWith("#!/bin/bash\n"), HasSubstr("bpa_node='node-1'"),
                            HasSubstr("node: node-1\n"), HasSubstr("listen: 0.0.0.0:7000"),
                            HasSubstr(signer_.ToPem()), HasSubstr(policy_)));
  EXPECT_THAT(script, Not(HasSubstr("PRIVATE KEY")));
}

TEST_F(UserDataTest, RefusesPackagesThatNoNodeCouldFetchOrInstall) {
  ExpectRefused("ftp://example.com/a.deb", "expected https://, http://, s3:// or an absolute path");
  ExpectRefused("bpa-agent.deb", "an absolute path on the node");
  ExpectRefused("https://example.com/a.tar.gz", "expected a .deb or an .rpm");
  ExpectRefused("https://example.com/a.tar?x=.deb", "expected a .deb or an .rpm");
  ExpectRefused("/a';reboot;'.deb", "without blanks, quotes");
  ExpectRefused("/a b.deb", "without blanks");
  ExpectRefused("/a\n.deb", "without blanks");
}

TEST_F(UserDataTest, NeverInstallsWithoutADigest) {
  for (const std::string& sum :
       {std::string(), std::string(63, 'a'), std::string(64, 'A'), std::string(64, 'g')}) {
    EXPECT_THAT(std::string(Script("/a.deb", sum).status().message()),
                HasSubstr("--package-sha256: expected 64 hexadecimal digits"));
  }
  EXPECT_TRUE(Script("").ok());
}

TEST_F(UserDataTest, RefusesAPolicyThatWouldLeaveItsPlace) {
  policy_ = "policy: {}\nBPA_END_OF_FILE\nreboot\n";
  EXPECT_THAT(std::string(Script("").status().message()), HasSubstr("--policy"));
  policy_ = "policy: {} # \xc3\xa9\n";
  EXPECT_THAT(std::string(Script("").status().message()), HasSubstr("only ASCII"));
}

TEST_F(UserDataTest, PutsANodeConfigBesideTheScript) {
  const std::string config = "apiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig\n";
  const std::string text = *RenderMultipart("#!/bin/bash\n", config);
  EXPECT_THAT(text, AllOf(StartsWith("Content-Type: multipart/mixed; boundary="),
                          HasSubstr("Content-Type: application/node.eks.aws\n\n" + config),
                          HasSubstr("Content-Type: text/x-shellscript; charset=\"us-ascii\"\n\n"
                                    "#!/bin/bash\n")));
  EXPECT_FALSE(RenderMultipart("", "kind: Pod\n").ok());
  EXPECT_FALSE(RenderMultipart("", config + "--==BPA-AGENT-USER-DATA==\n").ok());
}

TEST_F(UserDataTest, SaysWhenItIsLargerThanEc2Takes) {
  const std::string script = *Script("https://example.com/bpa-agent.deb");
  EXPECT_TRUE(RenderMultipart(script, "").ok());
  const auto large = RenderMultipart(script, "kind: NodeConfig\n" + std::string(16384, 'x'));
  EXPECT_THAT(std::string(large.status().message()), HasSubstr("EC2 takes 16384"));
}

}  // namespace
}  // namespace bpa::controller
