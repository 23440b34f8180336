#include "agent/executor/admission.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/agent/executor/support.h"

namespace bpa::executor {
namespace {

constexpr auto kPrecondition = absl::StatusCode::kFailedPrecondition;
constexpr auto kDenied = absl::StatusCode::kPermissionDenied;

Config TestConfig() {
  Config config;
  config.cluster = "bpa-test";
  config.node = "node-1";
  config.policy.allow_apply = true;
  config.policy.allow_reset = true;
  return config;
}

absl::Status AdmitStatus(const v1::Command& proto, const Config& config, absl::Time now = TestNow(),
                         int signers = 1) {
  const absl::StatusOr<Command> command = Parse(proto, signers);
  EXPECT_THAT(command, IsOk());
  return Admit(*command, config, now).status();
}

TEST(AdmissionTest, FindsThisNodesTargetAndRole) {
  v1::Command proto = ValidCommand();
  proto.add_roles()->set_name("other");
  v1::Target& other = *proto.add_targets();
  other.set_node("node-2");
  other.set_role("other");
  const absl::StatusOr<Command> command = Parse(proto);
  ASSERT_THAT(command, IsOk());
  Config config = TestConfig();
  config.node = "node-2";
  const absl::StatusOr<Assignment> assignment = Admit(*command, config, TestNow());
  ASSERT_THAT(assignment, IsOk());
  EXPECT_EQ(assignment->target->node(), "node-2");
  EXPECT_EQ(assignment->role->name(), "other");
}

TEST(AdmissionTest, RefusesAnotherClustersCommand) {
  v1::Command proto = ValidCommand();
  proto.set_cluster("bpa-prod");
  EXPECT_THAT(AdmitStatus(proto, TestConfig()),
              StatusIs(kPrecondition,
                       "the command is for cluster 'bpa-prod'; this node belongs to "
                       "'bpa-test' (agent.yaml): use that cluster's cluster.yaml"));
}

TEST(AdmissionTest, RefusesACommandThatDoesNotNameThisNode) {
  v1::Command proto = ValidCommand();
  for (int i = 2; i <= 11; ++i) {
    v1::Target& target = *proto.add_targets();
    target.set_node(absl::StrCat("node-", i));
    target.set_role("node");
  }
  Config config = TestConfig();
  config.node = "node-99";
  EXPECT_THAT(AdmitStatus(proto, config),
              StatusIs(kPrecondition,
                       "this node is 'node-99' (agent.yaml), which is not among the command's "
                       "targets (node-1, node-2, node-3, node-4, node-5, node-6, node-7, node-8, 3 "
                       "more): check the node's address in cluster.yaml"));
}

TEST(AdmissionTest, RefusesARoleThatTheCommandDoesNotDefine) {
  v1::Command proto = ValidCommand();
  proto.mutable_targets(0)->set_role("kafka");
  EXPECT_THAT(AdmitStatus(proto, TestConfig()),
              StatusIs(kPrecondition,
                       "the command gives this node the role 'kafka', which it does "
                       "not define: define it in cluster.yaml and sign again"));
}

TEST(AdmissionTest, TellsAStaleCommandFromClocksThatDiffer) {
  const Config config = TestConfig();
  EXPECT_THAT(AdmitStatus(ValidCommand(TestNow() - absl::Minutes(13)), config),
              StatusIs(kPrecondition, "expired 3 min ago (node clock 12:00:03Z)"));
  EXPECT_THAT(AdmitStatus(ValidCommand(TestNow() + absl::Hours(3)), config),
              StatusIs(kPrecondition,
                       "was issued 3 h ahead of this node's clock (12:00:03Z): set "
                       "the clock of the bastion or the node"));
  EXPECT_THAT(AdmitStatus(ValidCommand(TestNow() + absl::Minutes(125)), config),
              StatusIs(kPrecondition, "2 h 5 min ahead"));
  EXPECT_THAT(AdmitStatus(ValidCommand(TestNow() - absl::Hours(24 * 9)), config),
              StatusIs(kPrecondition, "expired 8 days ago"));
  EXPECT_THAT(AdmitStatus(ValidCommand(TestNow() + absl::Seconds(121)), config),
              StatusIs(kPrecondition, "2 min ahead"));
}

TEST(AdmissionTest, ForgivesExactlyTheAllowedSkew) {
  const Config config = TestConfig();  // 2 min
  EXPECT_THAT(AdmitStatus(ValidCommand(TestNow() + absl::Minutes(2)), config), IsOk());
  EXPECT_THAT(
      AdmitStatus(ValidCommand(TestNow() + absl::Minutes(2) + absl::Milliseconds(1)), config),
      StatusIs(kPrecondition, "ahead"));
  EXPECT_THAT(
      AdmitStatus(ValidCommand(TestNow() - absl::Minutes(12) + absl::Milliseconds(1)), config),
      IsOk());
  EXPECT_THAT(AdmitStatus(ValidCommand(TestNow() - absl::Minutes(12)), config),
              StatusIs(kPrecondition, "expired"));
}

TEST(AdmissionTest, RefusesAValidityBeyondThePolicys) {
  v1::Command proto = ValidCommand();
  proto.set_expires_at_unix_millis(proto.issued_at_unix_millis() + 3600 * 1000);
  EXPECT_THAT(AdmitStatus(proto, TestConfig()), IsOk());
  proto.set_expires_at_unix_millis(proto.issued_at_unix_millis() + 2 * 3600 * 1000);
  EXPECT_THAT(AdmitStatus(proto, TestConfig()),
              StatusIs(kPrecondition,
                       "is valid for 2 h; this node accepts at most 1 h "
                       "(policy.max_validity in agent.yaml)"));
}

TEST(AdmissionTest, AsksForThePolicysPermissionByAct) {
  Config config = TestConfig();
  config.policy.allow_apply = false;
  EXPECT_THAT(AdmitStatus(ValidCommand(), config),
              StatusIs(kDenied, "this node does not allow 'apply': add it to policy.allow"));
  v1::Command plan = ValidCommand();
  plan.set_mode(v1::MODE_PLAN);
  EXPECT_THAT(AdmitStatus(plan, config), IsOk());

  config = TestConfig();
  config.policy.allow_reset = false;
  EXPECT_THAT(AdmitStatus(ValidCommand(), config), IsOk());
  // A plan that shows what an apply would be refused would lie.
  plan.set_reset_directories(true);
  EXPECT_THAT(AdmitStatus(plan, config), StatusIs(kDenied, "does not allow 'reset'"));
}

TEST(AdmissionTest, AsksForAsManySignersAsTheActNeeds) {
  Config config = TestConfig();
  config.policy.apply_threshold = 2;
  EXPECT_THAT(AdmitStatus(ValidCommand(), config, TestNow(), 1),
              StatusIs(kDenied,
                       "to apply, this node asks for 2 signers (policy.thresholds.apply "
                       "in agent.yaml); 1 signed (signer-0): have another sign it"));
  EXPECT_THAT(AdmitStatus(ValidCommand(), config, TestNow(), 2), IsOk());

  config.policy.reset_threshold = 3;
  v1::Command reset = ValidCommand();
  reset.set_reset_directories(true);
  EXPECT_THAT(AdmitStatus(reset, config, TestNow(), 2),
              StatusIs(kDenied, "to reset, this node asks for 3 signers"));
  EXPECT_THAT(AdmitStatus(reset, config, TestNow(), 3), IsOk());
  // Looking needs one.
  reset.set_mode(v1::MODE_PLAN);
  EXPECT_THAT(AdmitStatus(reset, config, TestNow(), 1), IsOk());
}

}  // namespace
}  // namespace bpa::executor
