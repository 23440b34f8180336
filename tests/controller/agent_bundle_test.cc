// What the bastion makes, read by the programs of the node: the one place where both sides meet
// without a wire between them.
#include "controller/agent_bundle.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "agent/executor/admission.h"
#include "agent/executor/command.h"
#include "agent/executor/config.h"
#include "agent/gateway/address.h"
#include "agent/gateway/config.h"
#include "controller/cluster_template.h"
#include "controller/command_builder.h"
#include "controller/home_maker.h"
#include "controller/shipped_files.h"
#include "proto/verifier.h"
#include "tests/controller/complete_home.h"
#include "tests/controller/scratch.h"

namespace bpa::controller {
namespace {

class AgentBundleTest : public testing::Test {
 protected:
  AgentBundleTest() {
    HomeOptions options;
    options.bundles = true;
    options.cluster = "bpa-prod";
    for (const char* node : kFourNodes) {
      options.nodes.push_back(*ParseNodeArgument(node, static_cast<int>(options.nodes.size()) + 1));
    }
    options.policy = std::string(ShippedPolicy());
    const auto made = MakeHome(home_, options, absl::Now(), [](const std::string&) {});
    EXPECT_TRUE(made.ok()) << made.status();
  }

  std::string Agent(const std::string& node) const {
    return absl::StrCat(home_.path(), "/nodes/", node, "/agent");
  }

  Scratch scratch_;
  Home home_ = Home(scratch_ / "home");
};

TEST_F(AgentBundleTest, BothProgramsReadTheAgentYaml) {
  const std::pair<const char*, const char*> listens[] = {{"node-1", "ipv4:0.0.0.0:7443"},
                                                         {"node-2", "ipv4:0.0.0.0:7000"},
                                                         {"node-3", "ipv6:%5B::%5D:7443"},
                                                         {"node-4", "ipv4:0.0.0.0:7443"}};
  for (const auto& [node, listen] : listens) {
    const auto executor = executor::LoadConfig(Agent(node) + "/agent.yaml");
    ASSERT_TRUE(executor.ok()) << executor.status();
    EXPECT_EQ(executor->cluster, "bpa-prod");
    EXPECT_EQ(executor->node, node);
    EXPECT_EQ(executor->gateway_user, "bpa-agent");
    const auto gateway = gateway::LoadConfig(Agent(node) + "/agent.yaml");
    ASSERT_TRUE(gateway.ok()) << gateway.status();
    EXPECT_EQ(gateway->node, node);
    EXPECT_EQ(gateway::PeerUri(gateway->listen), listen);
  }
}

TEST_F(AgentBundleTest, TheShippedPolicyIsTheOneThatDesignAndDocumentationName) {
  const auto config = executor::LoadConfig(Agent("node-1") + "/agent.yaml");
  ASSERT_TRUE(config.ok()) << config.status();
  const executor::Policy& policy = config->policy;
  EXPECT_TRUE(policy.allow_apply && policy.allow_format && policy.allow_migrate &&
              policy.allow_grow && policy.allow_reset);
  EXPECT_EQ(policy.sysctls, std::vector<std::string>{"vm.max_map_count"});
  EXPECT_EQ(policy.directory_roots, std::vector<std::string>{"/opt/bpa"});
  EXPECT_EQ(policy.mount_points, std::vector<std::string>{"/opt"});
  EXPECT_EQ(policy.filesystems, (std::vector<std::string>{"xfs", "ext4"}));
  EXPECT_EQ(policy.volume_models, std::vector<std::string>{"Amazon Elastic Block Store"});
  EXPECT_TRUE(policy.device_paths.empty());
  EXPECT_EQ(policy.apply_threshold, 1);
  EXPECT_EQ(policy.format_threshold, 1);
  EXPECT_EQ(policy.reset_threshold, 1);
  EXPECT_EQ(policy.max_validity, absl::Hours(1));
  EXPECT_EQ(policy.max_clock_skew, absl::Minutes(2));
}

TEST_F(AgentBundleTest, EveryNodeTrustsAndAdmitsWhatTheHomesKeySigns) {
  const auto cluster = home_.ReadCluster();
  ASSERT_TRUE(cluster.ok()) << cluster.status();
  CommandOptions options;
  options.mode = v1::MODE_APPLY;
  options.reset_directories = true;
  const absl::Time now = absl::Now();
  Envelope envelope = *WrapCommand(*BuildCommand(*cluster, cluster->nodes, options, now));
  ASSERT_TRUE(SignEnvelope(*home_.ReadSigningKey(), &envelope).ok());
  for (const Node& node : cluster->nodes) {
    const auto verifier = Verifier::FromDirectory(Agent(node.name) + "/trusted-signers.d");
    ASSERT_TRUE(verifier.ok()) << verifier.status();
    const auto payload = verifier->Verify(envelope, kCommandPayloadType, 1);
    ASSERT_TRUE(payload.ok()) << payload.status();
    EXPECT_EQ(payload->signers(), std::vector<std::string>{"bastion"});
    const auto command = executor::ParseCommand(*payload);
    ASSERT_TRUE(command.ok()) << command.status();
    const auto config = executor::LoadConfig(Agent(node.name) + "/agent.yaml");
    const auto assignment = executor::Admit(*command, *config, now);
    ASSERT_TRUE(assignment.ok()) << assignment.status();
    EXPECT_EQ(assignment->role->name(), node.role);
    for (const v1::Directory& directory : assignment->role->directories()) {
      EXPECT_TRUE(executor::CheckDirectoryAllowed(config->policy, directory.path()).ok());
    }
    for (const v1::Sysctl& sysctl : assignment->role->sysctls()) {
      EXPECT_TRUE(executor::CheckSysctlAllowed(config->policy, sysctl.name()).ok());
    }
    for (const v1::Volume& volume : assignment->role->volumes()) {
      EXPECT_TRUE(executor::CheckMountPointAllowed(config->policy, volume.mount_point()).ok());
    }
  }
}

TEST_F(AgentBundleTest, WhatAnInterruptedRunLeftIsReplaced) {
  const std::string nodes = home_.path() + "/nodes";
  std::filesystem::remove_all(nodes + "/node-1");
  std::filesystem::create_directories(nodes + "/.node-1.new/agent/tls");
  WriteFile(nodes + "/.node-1.new/report.pem", "half");
  HomeOptions options;
  options.bundles = true;
  options.policy = std::string(ShippedPolicy());
  ASSERT_TRUE(MakeHome(home_, options, absl::Now(), [](const std::string&) {}).ok());
  EXPECT_FALSE(std::filesystem::exists(nodes + "/.node-1.new"));
  ExpectCompleteHome(home_.path());
}

TEST(CheckPolicySectionTest, TakesThePolicyAndNothingElse) {
  EXPECT_TRUE(CheckPolicySection(std::string(ShippedPolicy()), "p.yaml").ok());
  const std::pair<const char*, const char*> bad[] = {
      {"allow: [apply]\n", "p.yaml:1:1: unknown key 'allow': known are policy"},
      {"policy: {}\ncluster: x\n", "p.yaml:2:1: unknown key 'cluster': known are policy"},
      {"policy:\n  sysctl: []\n",
       "p.yaml:2:3: policy: unknown key 'sysctl': did you mean 'sysctls'?"},
  };
  for (const auto& [text, message] : bad) {
    EXPECT_EQ(std::string(CheckPolicySection(text, "p.yaml").message()), message);
  }
}

}  // namespace
}  // namespace bpa::controller
