#include "proto/enrollment_proof.h"

#include <cstdio>
#include <functional>
#include <vector>

#include "absl/strings/escaping.h"
#include "gtest/gtest.h"

namespace bpa {
namespace {

EnrollmentFacts Facts() {
  return {.cluster = "bpa-prod",
          .node = "node-1",
          .controller_nonce = std::string(kNonceBytes, 'c'),
          .node_nonce = std::string(kNonceBytes, 'n'),
          .certificate_request = "request",
          .report_public_key = "key",
          .now_unix_millis = 0x0102030405060708};
}

const std::string kSecret(kJoinSecretBytes, 's');

// Made with printf and openssl alone:
//   f() { printf "\x00\x00\x00\x$(printf %02x ${#1})%s" "$1"; }
//   { printf 'bpa enrolment v1 node\0'; f bpa-prod; f node-1; f cc...; f nn...; f request; f key;
//     printf '\1\2\3\4\5\6\7\10'; [f certificate] } |
//   openssl dgst -sha256 -mac HMAC -macopt key:ssssssssssssssssssssssssssssssss
TEST(EnrollmentProofTest, IsTheHmacThatTheProtocolSays) {
  EXPECT_EQ(absl::BytesToHexString(NodeProof(kSecret, Facts())),
            "7a820cf3da9050ddecfc7685255f8a4d4292be7a47497cc1aac6983cf0c58671");
  EXPECT_EQ(absl::BytesToHexString(ControllerProof(kSecret, Facts(), "certificate")),
            "75b1aa9293988a4fbaf7df5ee61038dd9330c1a590f44e848d23c96d5e672044");
}

TEST(EnrollmentProofTest, CoversEveryFieldAndTheSecret) {
  const std::vector<std::function<void(EnrollmentFacts&)>> changes = {
      [](EnrollmentFacts& facts) { facts.cluster += "x"; },
      [](EnrollmentFacts& facts) { facts.node += "x"; },
      [](EnrollmentFacts& facts) { facts.controller_nonce[31] ^= 1; },
      [](EnrollmentFacts& facts) { facts.node_nonce[31] ^= 1; },
      [](EnrollmentFacts& facts) { facts.certificate_request += "x"; },
      [](EnrollmentFacts& facts) { facts.report_public_key += "x"; },
      [](EnrollmentFacts& facts) { ++facts.now_unix_millis; },
      // The same bytes, cut elsewhere.
      [](EnrollmentFacts& facts) {
        facts.cluster = "bpa-prodn";
        facts.node = "ode-1";
      },
  };
  for (size_t i = 0; i < changes.size(); ++i) {
    EnrollmentFacts facts = Facts();
    changes[i](facts);
    EXPECT_NE(NodeProof(kSecret, facts), NodeProof(kSecret, Facts())) << i;
    EXPECT_NE(ControllerProof(kSecret, facts, "c"), ControllerProof(kSecret, Facts(), "c")) << i;
  }
  EXPECT_NE(NodeProof(std::string(kJoinSecretBytes, 't'), Facts()), NodeProof(kSecret, Facts()));
  EXPECT_NE(ControllerProof(kSecret, Facts(), "c"), ControllerProof(kSecret, Facts(), "d"));
}

TEST(EnrollmentProofTest, ANodesIsNeverAControllers) {
  EXPECT_NE(NodeProof(kSecret, Facts()), ControllerProof(kSecret, Facts(), ""));
}

TEST(EnrollmentProofTest, ComparesWholeProofs) {
  const std::string proof = NodeProof(kSecret, Facts());
  EXPECT_EQ(proof.size(), kProofBytes);
  EXPECT_TRUE(SameProof(proof, proof));
  EXPECT_FALSE(SameProof(proof, proof.substr(0, 31)));
  EXPECT_FALSE(SameProof(proof, ""));
  std::string other = proof;
  other[31] ^= 1;
  EXPECT_FALSE(SameProof(proof, other));
}

TEST(JoinSecretTest, IsReadAsItIsWritten) {
  const std::string secret = RandomBytes(kJoinSecretBytes);
  EXPECT_EQ(ParseJoinSecret(FormatJoinSecret(secret)).value_or(""), secret);
  EXPECT_NE(RandomBytes(kJoinSecretBytes), secret);
}

TEST(JoinSecretTest, RefusesAnythingElseWithoutRepeatingIt) {
  const std::string good = FormatJoinSecret(kSecret);
  for (const std::string& text :
       {std::string(), std::string("\n"), good.substr(2), "7" + good, good + "\n", " " + good,
        std::string(64, 'A'), std::string(64, 'g')}) {
    const auto secret = ParseJoinSecret(text);
    EXPECT_EQ(secret.status().code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_EQ(std::string(secret.status().message()), "expected one line of 64 hexadecimal digits");
  }
}

}  // namespace
}  // namespace bpa
