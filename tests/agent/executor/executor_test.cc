#include "agent/executor/executor.h"

#include <sys/stat.h>

#include <atomic>
#include <filesystem>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "absl/synchronization/notification.h"
#include "gtest/gtest.h"
#include "proto/envelope.h"
#include "tests/agent/executor/node.h"

namespace bpa::executor {
namespace {

class ExecutorTest : public NodeTest {
 protected:
  // Refused, the machine as it was, and no record of it.
  void ExpectRefusal(const std::string& envelope, absl::StatusCode code, const std::string& text) {
    const auto before = machine_.values();
    EXPECT_THAT(Execute(envelope), StatusIs(code, text));
    EXPECT_NE(summary_.ended->refusal(), v1::REFUSAL_REASON_UNSPECIFIED);
    EXPECT_EQ(machine_.values(), before);
    EXPECT_EQ(journal_->Find(TestId(1)).value(), std::nullopt);
  }
};

TEST_F(ExecutorTest, AppliesReadsBackAndSignsWhatItDid) {
  const v1::Command command = NewCommand(1);
  const absl::StatusOr<std::string> envelope = Execute(Sign(command));
  ASSERT_THAT(envelope, IsOk());
  EXPECT_EQ(machine_.Get("vm.a"), "1");
  EXPECT_EQ(machine_.Get("vm.b"), "2");
  const v1::Report report = Open(*envelope);
  EXPECT_EQ(report.command_id(), TestId(1));
  EXPECT_EQ(report.command_sha256(), Parse(command)->payload_sha256());
  EXPECT_EQ(report.mode(), v1::MODE_APPLY);
  EXPECT_EQ(report.outcome(), v1::OUTCOME_SUCCEEDED);
  EXPECT_EQ(report.operator_name(), "alice@bastion");
  EXPECT_THAT(report.signers(), testing::ElementsAre("alice"));
  ASSERT_EQ(report.resources_size(), 2);
  EXPECT_EQ(report.resources(0).status(), v1::RESOURCE_STATUS_CHANGED);
  EXPECT_EQ(summary_.answer, "carried out");
  EXPECT_EQ(summary_.signers, "alice");
}

TEST_F(ExecutorTest, SaysHowACommandEnded) {
  const std::string envelope = Sign(NewCommand(1));
  ASSERT_THAT(Execute(envelope), IsOk());
  EXPECT_EQ(summary_.ended->mode(), v1::MODE_APPLY);
  EXPECT_EQ(summary_.ended->outcome(), v1::OUTCOME_SUCCEEDED);
  EXPECT_EQ(summary_.ended->refusal(), v1::REFUSAL_REASON_UNSPECIFIED);
  EXPECT_EQ(summary_.ended->command_id(), TestId(1));
  EXPECT_EQ(summary_.ended->operator_name(), "alice@bastion");
  EXPECT_THAT(summary_.ended->signers(), testing::ElementsAre("alice"));
  EXPECT_FALSE(summary_.ended->again());
  ASSERT_THAT(Execute(envelope), IsOk());
  EXPECT_TRUE(summary_.ended->again());

  const PrivateKey stranger = NewKey();
  EXPECT_FALSE(Execute(SignCommand(NewCommand(2), {&stranger})).ok());
  EXPECT_EQ(summary_.ended->refusal(), v1::REFUSAL_REASON_SIGNATURE);
  EXPECT_EQ(summary_.ended->command_id(), "") << "of what nobody signed nothing is believed";
  EXPECT_FALSE(Execute("no envelope").ok());
  EXPECT_EQ(summary_.ended->refusal(), v1::REFUSAL_REASON_MALFORMED);
  v1::Command other = NewCommand(1);
  other.set_reason("another");
  EXPECT_FALSE(Execute(Sign(other)).ok());
  EXPECT_EQ(summary_.ended->refusal(), v1::REFUSAL_REASON_REPLAY);
  EXPECT_EQ(summary_.ended->mode(), v1::MODE_APPLY);
  config_.policy.apply_threshold = 2;
  EXPECT_FALSE(Execute(Sign(NewCommand(3))).ok());
  EXPECT_EQ(summary_.ended->refusal(), v1::REFUSAL_REASON_SIGNATURE);
  std::filesystem::remove(config_.trusted_signers + "/alice.pem");
  EXPECT_FALSE(Execute(Sign(NewCommand(4))).ok());
  EXPECT_EQ(summary_.ended->refusal(), v1::REFUSAL_REASON_NODE);
}

TEST_F(ExecutorTest, PlansAndVerifiesWithoutTouchingAndStoresTheReport) {
  for (const v1::Mode mode : {v1::MODE_PLAN, v1::MODE_VERIFY}) {
    const int id = 10 + mode;
    const absl::StatusOr<std::string> envelope = Execute(Sign(NewCommand(id, mode)));
    ASSERT_THAT(envelope, IsOk());
    EXPECT_TRUE(machine_.values().empty());
    EXPECT_EQ(Open(*envelope).resources(1).status(), v1::RESOURCE_STATUS_WOULD_CHANGE);
    EXPECT_EQ(GetReport(TestId(id)).value(), *envelope);
  }
}

TEST_F(ExecutorTest, ReturnsTheStoredReportForTheSameBytesEvenWhenTheyHaveExpired) {
  const std::string envelope = Sign(NewCommand(1));
  const std::string first = Execute(envelope).value();
  machine_.Set("vm.a", "moved");
  now_ += absl::Hours(5);
  OpenJournal();
  EXPECT_EQ(Execute(envelope).value(), first);
  EXPECT_EQ(summary_.answer, "stored report");
  EXPECT_EQ(machine_.Get("vm.a"), "moved");
}

TEST_F(ExecutorTest, RefusesOtherBytesUnderAnIdThatWasUsed) {
  ASSERT_THAT(Execute(Sign(NewCommand(1))), IsOk());
  v1::Command other = NewCommand(1);
  other.set_reason("another");
  EXPECT_THAT(Execute(Sign(other)), StatusIs(absl::StatusCode::kFailedPrecondition,
                                             "was already used for another command"));
}

TEST_F(ExecutorTest, RefusesWhatNoTrustedKeySigned) {
  const v1::Command command = NewCommand(1);
  const PrivateKey stranger = NewKey();
  ExpectRefusal(SignCommand(command, {}), absl::StatusCode::kUnauthenticated, "");
  ExpectRefusal(SignCommand(command, {&stranger}), absl::StatusCode::kUnauthenticated, "");

  Envelope altered = DecodeEnvelope(Sign(command)).value();
  altered.payload.back() ^= 1;
  ExpectRefusal(EncodeEnvelope(altered).value(), absl::StatusCode::kUnauthenticated, "");
  ExpectRefusal(SignPayload(command.SerializeAsString(), {&signer_}, kReportPayloadType),
                absl::StatusCode::kInvalidArgument, "");
  ExpectRefusal(Sign(command) + "x", absl::StatusCode::kInvalidArgument, "");
  ExpectRefusal("", absl::StatusCode::kInvalidArgument, "");
}

TEST_F(ExecutorTest, CountsTwoSignaturesOfOneKeyAsOneSigner) {
  config_.policy.apply_threshold = 2;
  ExpectRefusal(SignCommand(NewCommand(1), {&signer_, &signer_}),
                absl::StatusCode::kPermissionDenied, "asks for 2 signers");
  const PrivateKey second = NewKey();
  Trust("bob", second);
  EXPECT_THAT(Execute(SignCommand(NewCommand(1), {&signer_, &second})), IsOk());
}

TEST_F(ExecutorTest, FollowsTheTrustStoreWithoutARestart) {
  const PrivateKey second = NewKey();
  ExpectRefusal(SignCommand(NewCommand(1), {&second}), absl::StatusCode::kUnauthenticated, "");
  Trust("bob", second);
  EXPECT_THAT(Execute(SignCommand(NewCommand(2), {&second})), IsOk());
  std::filesystem::remove(config_.trusted_signers + "/bob.pem");
  EXPECT_THAT(Execute(SignCommand(NewCommand(3), {&second})),
              StatusIs(absl::StatusCode::kUnauthenticated, ""));
}

TEST_F(ExecutorTest, RefusesEverythingWithAnEmptyOrLooseTrustStore) {
  const std::string file = config_.trusted_signers + "/alice.pem";
  ASSERT_EQ(chmod(file.c_str(), 0666), 0);
  ExpectRefusal(Sign(NewCommand(1)), absl::StatusCode::kFailedPrecondition, "alice.pem");
  ASSERT_EQ(chmod(file.c_str(), 0644), 0);
  ASSERT_EQ(chmod(config_.trusted_signers.c_str(), 0777), 0);
  ExpectRefusal(Sign(NewCommand(1)), absl::StatusCode::kFailedPrecondition, "chmod");
  ASSERT_EQ(chmod(config_.trusted_signers.c_str(), 0755), 0);
  std::filesystem::remove(file);
  ExpectRefusal(Sign(NewCommand(1)), absl::StatusCode::kUnauthenticated, config_.trusted_signers);
}

TEST_F(ExecutorTest, RefusesWhatIsNotForThisNodeNowOrAllowed) {
  using Edit = std::function<void(v1::Command&)>;
  struct Case {
    Edit edit;
    absl::StatusCode code;
    const char* text;
    v1::RefusalReason reason;
  };
  const std::vector<Case> cases = {
      {[](v1::Command& c) { c.set_cluster("other"); }, absl::StatusCode::kFailedPrecondition,
       "for cluster 'other'", v1::REFUSAL_REASON_TARGET},
      {[](v1::Command& c) { c.mutable_targets(0)->set_node("node-9"); },
       absl::StatusCode::kFailedPrecondition, "not among the command's targets (node-9)",
       v1::REFUSAL_REASON_TARGET},
      {[](v1::Command& c) { c.mutable_targets(0)->set_role("none"); },
       absl::StatusCode::kFailedPrecondition, "the role 'none'", v1::REFUSAL_REASON_TARGET},
      {[](v1::Command& c) {
         c.set_issued_at_unix_millis(c.issued_at_unix_millis() - 3600 * 1000);
         c.set_expires_at_unix_millis(c.expires_at_unix_millis() - 3600 * 1000);
       },
       absl::StatusCode::kFailedPrecondition, "expired 50 min ago", v1::REFUSAL_REASON_CLOCK},
      {[](v1::Command& c) { c.mutable_roles(0)->mutable_sysctls(1)->set_name("kernel.panic"); },
       absl::StatusCode::kPermissionDenied, "sysctl 'kernel.panic'", v1::REFUSAL_REASON_POLICY},
      {[](v1::Command& c) { c.set_reset_directories(true); }, absl::StatusCode::kPermissionDenied,
       "'reset'", v1::REFUSAL_REASON_POLICY},
      {[](v1::Command& c) { c.set_mode(v1::MODE_UNSPECIFIED); }, absl::StatusCode::kInvalidArgument,
       "command.mode", v1::REFUSAL_REASON_MALFORMED},
      {[](v1::Command& c) {
         c.mutable_targets(0)->mutable_reviewed_plan()->set_plan_id(TestId(9));
       },
       absl::StatusCode::kFailedPrecondition, "the machine has moved since plan",
       v1::REFUSAL_REASON_PLAN},
  };
  for (const Case& bad : cases) {
    v1::Command command = NewCommand(1);
    bad.edit(command);
    ExpectRefusal(Sign(command), bad.code, bad.text);
    EXPECT_EQ(summary_.ended->refusal(), bad.reason) << bad.text;
  }
}

TEST_F(ExecutorTest, RefusesAMovedPlanAgainWhenItIsSentAgain) {
  v1::Command command = NewCommand(1);
  command.mutable_targets(0)->mutable_reviewed_plan()->set_plan_id(TestId(9));
  for (int i = 0; i < 2; ++i) {
    ExpectRefusal(Sign(command), absl::StatusCode::kFailedPrecondition, "has moved");
  }
}

TEST_F(ExecutorTest, BindsAnApplyToThePlanThatWasReviewed) {
  const v1::Report plan = Open(Execute(Sign(NewCommand(1, v1::MODE_PLAN))).value());
  v1::Command apply = NewCommand(2);
  v1::ReviewedPlan& reviewed = *apply.mutable_targets(0)->mutable_reviewed_plan();
  reviewed.set_plan_id(plan.command_id());
  for (const v1::ResourceResult& result : plan.resources()) {
    reviewed.add_change_sha256(result.changes(0).fingerprint_sha256());
  }
  const absl::StatusOr<std::string> report = Execute(Sign(apply));
  ASSERT_THAT(report, IsOk());
  EXPECT_EQ(Open(*report).outcome(), v1::OUTCOME_SUCCEEDED);
}

TEST_F(ExecutorTest, ReportsAnInterruptedApplyAndFinishesItWhenItIsSentAgain) {
  // A plan that no longer holds once the first change is made: a resume does not ask for it.
  v1::Command command = NewCommand(1);
  // Stops as SIGTERM does: after the resource that is at work.
  machine_.before_set = [this](const std::string&) { executor_->Stop(); };
  const absl::StatusOr<std::string> interrupted = Execute(Sign(command));
  ASSERT_THAT(interrupted, IsOk());
  EXPECT_EQ(Open(*interrupted).outcome(), v1::OUTCOME_INTERRUPTED);
  EXPECT_EQ(summary_.ended->outcome(), v1::OUTCOME_INTERRUPTED);
  EXPECT_EQ(machine_.Get("vm.a"), "1");
  EXPECT_EQ(machine_.Get("vm.b"), "");

  machine_.before_set = nullptr;
  OpenJournal();
  const v1::Report asked = Open(GetReport(TestId(1)).value());
  EXPECT_EQ(asked.outcome(), v1::OUTCOME_INTERRUPTED);
  ASSERT_EQ(asked.resources_size(), 1);
  EXPECT_EQ(asked.resources(0).name(), "vm.a");
  EXPECT_EQ(asked.resources(0).status(), v1::RESOURCE_STATUS_CHANGED);
  EXPECT_EQ(summary_.answer, "interrupted");

  const v1::Report resumed = Open(Execute(Sign(command)).value());
  EXPECT_EQ(summary_.answer, "resumed");
  EXPECT_EQ(resumed.outcome(), v1::OUTCOME_SUCCEEDED);
  EXPECT_EQ(resumed.resources(0).status(), v1::RESOURCE_STATUS_UNCHANGED);
  EXPECT_THAT(resumed.resources(0).message(), testing::HasSubstr("before it was interrupted"));
  EXPECT_EQ(resumed.resources(1).status(), v1::RESOURCE_STATUS_CHANGED);
  EXPECT_EQ(machine_.Get("vm.b"), "2");
  EXPECT_EQ(Open(GetReport(TestId(1)).value()).outcome(), v1::OUTCOME_SUCCEEDED);
}

TEST_F(ExecutorTest, ResumesOnlyWhileTheCommandIsFreshAndUnderTheSameBytes) {
  machine_.before_set = [this](const std::string&) { executor_->Stop(); };
  const v1::Command command = NewCommand(1);
  ASSERT_THAT(Execute(Sign(command)), IsOk());
  machine_.before_set = nullptr;
  OpenJournal();
  v1::Command other = command;
  other.set_reason("another");
  EXPECT_THAT(Execute(Sign(other)),
              StatusIs(absl::StatusCode::kFailedPrecondition, "already used"));
  now_ += absl::Hours(1);
  EXPECT_THAT(Execute(Sign(command)), StatusIs(absl::StatusCode::kFailedPrecondition, "expired"));
  EXPECT_EQ(machine_.Get("vm.b"), "");
}

TEST_F(ExecutorTest, AResumeDoesNotAskForTheReviewedPlanAgain) {
  v1::Command command = NewCommand(1);
  const v1::Report plan = Open(Execute(Sign(NewCommand(2, v1::MODE_PLAN))).value());
  v1::ReviewedPlan& reviewed = *command.mutable_targets(0)->mutable_reviewed_plan();
  reviewed.set_plan_id(plan.command_id());
  for (const v1::ResourceResult& result : plan.resources()) {
    reviewed.add_change_sha256(result.changes(0).fingerprint_sha256());
  }
  machine_.before_set = [this](const std::string&) { executor_->Stop(); };
  ASSERT_THAT(Execute(Sign(command)), IsOk());
  machine_.before_set = nullptr;
  machine_.Set("vm.b", "another host's value");
  OpenJournal();
  EXPECT_EQ(Open(Execute(Sign(command)).value()).outcome(), v1::OUTCOME_SUCCEEDED);
  EXPECT_EQ(machine_.Get("vm.b"), "2");
}

TEST_F(ExecutorTest, KnowsNothingOfCommandsThatItRefused) {
  EXPECT_THAT(GetReport(TestId(5)), StatusIs(absl::StatusCode::kNotFound, TestId(5)));
  EXPECT_THAT(GetReport("../../etc/passwd"),
              StatusIs(absl::StatusCode::kInvalidArgument, "not a command id"));
}

TEST_F(ExecutorTest, IsBusyForOthersAndLetsTheSameBytesAttach) {
  absl::Notification working;
  absl::Notification go_on;
  machine_.before_set = [&](const std::string& name) {
    if (name != "vm.a") return;
    working.Notify();
    go_on.WaitForNotification();
  };
  const std::string envelope = Sign(NewCommand(1));
  RequestSummary summary;
  absl::StatusOr<std::string> first;
  std::thread runner([&] {
    first = executor_->Execute(
        envelope, nullptr, [](const v1::Progress&) {}, summary);
  });
  working.WaitForNotification();

  EXPECT_THAT(Execute(Sign(NewCommand(2))),
              StatusIs(absl::StatusCode::kAborted,
                       "busy with " + TestId(1) + ": try again when it has finished"));
  EXPECT_EQ(summary_.ended->refusal(), v1::REFUSAL_REASON_BUSY);
  EXPECT_EQ(journal_->Find(TestId(2)).value(), std::nullopt);
  v1::Command other = NewCommand(1);
  other.set_reason("another");
  EXPECT_THAT(Execute(Sign(other)),
              StatusIs(absl::StatusCode::kFailedPrecondition, "already used"));
  EXPECT_THAT(GetReport(TestId(1)), StatusIs(absl::StatusCode::kAborted, "is running"));
  // Looking is possible beside it.
  EXPECT_THAT(Execute(Sign(NewCommand(3, v1::MODE_PLAN))), IsOk());

  RequestSummary attached_summary;
  absl::StatusOr<std::string> attached;
  std::thread attacher([&] {
    attached = executor_->Execute(
        envelope, nullptr, [](const v1::Progress&) {}, attached_summary);
  });
  go_on.Notify();
  runner.join();
  attacher.join();
  ASSERT_THAT(first, IsOk());
  ASSERT_THAT(attached, IsOk());
  // Whether it came in time to attach or found the stored report: the same bytes.
  EXPECT_EQ(*attached, *first);
  EXPECT_EQ(Open(*first).resources(0).status(), v1::RESOURCE_STATUS_CHANGED);
  EXPECT_THAT(Execute(Sign(NewCommand(4))), IsOk());
}

TEST_F(ExecutorTest, TellsProgressInOrder) {
  std::vector<std::string> events;
  ASSERT_THAT(executor_->Execute(
                  Sign(NewCommand(1)), nullptr,
                  [&](const v1::Progress& progress) {
                    events.push_back(progress.name() + " " + std::to_string(progress.position()) +
                                     "/" + std::to_string(progress.total()));
                  },
                  summary_),
              IsOk());
  EXPECT_THAT(events, testing::ElementsAre("vm.a 1/2", "vm.a 1/2", "vm.b 2/2", "vm.b 2/2"));
}

TEST_F(ExecutorTest, AcceptsNothingWhileItsJournalIsGoneAndLosesNothing) {
  const std::string first = Sign(NewCommand(1));
  const std::string report = Execute(first).value();
  const std::string file = config_.state + "/journal.db";
  std::filesystem::remove(file);
  machine_.Set("vm.a", "moved");
  EXPECT_THAT(Execute(Sign(NewCommand(2))),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       "nothing was changed: " + file + " was deleted"));
  EXPECT_EQ(machine_.Get("vm.a"), "moved");
  EXPECT_FALSE(Execute(Sign(NewCommand(3, v1::MODE_PLAN))).ok())
      << "whose report could not be kept";
  EXPECT_EQ(Execute(first).value(), report) << "what was accepted is still known";

  executor_.reset();
  journal_.reset();
  EXPECT_FALSE(Journal::Open(config_.state, {config_.cluster, config_.node}).ok())
      << "nor is a new one made after a restart";
  std::filesystem::rename(file + ".rescued", file);
  OpenJournal();
  EXPECT_EQ(Execute(first).value(), report);
  EXPECT_EQ(machine_.Get("vm.a"), "moved");
  EXPECT_THAT(Execute(Sign(NewCommand(2))), IsOk());
}

}  // namespace
}  // namespace bpa::executor
