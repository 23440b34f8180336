// What a home of four nodes has to be once it is made.
#ifndef BPA_TESTS_CONTROLLER_COMPLETE_HOME_H_
#define BPA_TESTS_CONTROLLER_COMPLETE_HOME_H_

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "controller/home.h"
#include "proto/verifier.h"
#include "tests/controller/scratch.h"

namespace bpa::controller {

inline const char* const kFourNodes[] = {
    "node-1=10.0.1.11,volume=vol-0123456789abcdef1",
    "node-2=10.0.2.12:7000,volume=vol-0123456789abcdef2",
    "node-3=[fd00::13]:7443,volume=/dev/nvme1n1",
    "node-4=worker.example,role=bpa-node-4,volume=vol-01234567"};

// Everything is there, fits together, and is as secret as it has to be.
inline void ExpectCompleteHome(const std::string& home) {
  const Home reader(home);
  const auto cluster = reader.ReadCluster();
  ASSERT_TRUE(cluster.ok()) << cluster.status();
  EXPECT_EQ(cluster->nodes.size(), 4u);
  const auto signer = reader.ReadSigningKey();
  ASSERT_TRUE(signer.ok()) << signer.status();
  EXPECT_EQ(signer->public_key().ToPem(), ReadFile(home + "/signer.pem"));
  EXPECT_TRUE(reader.ReadClientIdentity().ok());
  EXPECT_EQ(Shell(absl::StrCat("openssl verify -purpose sslclient -CAfile ", home, "/ca.pem ", home,
                               "/client.pem")),
            0);
  for (const Node& node : cluster->nodes) {
    const std::string directory = absl::StrCat(home, "/nodes/", node.name);
    const std::string agent = directory + "/agent";
    const auto pinned = reader.ReadReportKey(node.name);
    ASSERT_TRUE(pinned.ok()) << pinned.status();
    EXPECT_EQ(PrivateKey::FromPem(ReadFile(agent + "/report.key"))->public_key().id(),
              pinned->id());
    EXPECT_EQ(Shell(absl::StrCat("openssl verify -purpose sslserver -verify_hostname ", node.name,
                                 " -CAfile ", agent, "/tls/ca.pem ", agent, "/tls/node.pem")),
              0);
    EXPECT_EQ(ReadFile(agent + "/trusted-signers.d/bastion.pem"), ReadFile(home + "/signer.pem"));
    EXPECT_TRUE(Verifier::FromDirectory(agent + "/trusted-signers.d").ok());
    for (const char* secret : {"/report.key", "/tls/node.key"}) {
      EXPECT_EQ(ModeOf(agent + secret), 0600u) << secret;
    }
    EXPECT_EQ(ModeOf(agent), 0755u);
    EXPECT_EQ(ModeOf(agent + "/agent.yaml"), 0644u);
  }
  for (const char* secret : {"/ca.key", "/client.key", "/signer.key"}) {
    EXPECT_EQ(ModeOf(home + secret), 0600u) << secret;
  }
  EXPECT_EQ(ModeOf(home), 0700u);
}

}  // namespace bpa::controller

#endif  // BPA_TESTS_CONTROLLER_COMPLETE_HOME_H_
