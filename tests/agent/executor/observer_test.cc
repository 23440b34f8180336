#include "agent/executor/observer.h"

#include <atomic>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/synchronization/notification.h"
#include "gtest/gtest.h"
#include "tests/agent/executor/node.h"

namespace bpa::executor {
namespace {

class ObserverTest : public NodeTest {
 protected:
  v1::NodeStatus Observe() {
    summary_ = {};
    const absl::StatusOr<std::string> answer = executor_->Observe(summary_);
    EXPECT_THAT(answer, IsOk());
    v1::NodeStatus status;
    EXPECT_TRUE(answer.ok() && status.ParseFromString(*answer));
    return status;
  }
};

TEST_F(ObserverTest, HasNoResourcesBeforeTheFirstApply) {
  ASSERT_THAT(Execute(Sign(NewCommand(1, v1::MODE_PLAN))), IsOk());
  const v1::NodeStatus status = Observe();
  EXPECT_FALSE(status.has_last_apply());
  EXPECT_TRUE(status.resources().empty());
  EXPECT_EQ(status.error(), "");
  EXPECT_EQ(status.journal().commands(), 1u);
  EXPECT_GT(status.journal().size_bytes(), 0u);
  EXPECT_EQ(status.observed_at_unix_millis(), absl::ToUnixMillis(now_));
}

TEST_F(ObserverTest, FindsDriftFromTheLastApplyAndChangesNothing) {
  ASSERT_THAT(Execute(Sign(NewCommand(1))), IsOk());
  v1::NodeStatus status = Observe();
  ASSERT_EQ(status.resources_size(), 2);
  EXPECT_EQ(status.resources(0).drift(), v1::DRIFT_NONE);
  EXPECT_EQ(status.last_apply().command_id(), TestId(1));
  EXPECT_EQ(status.last_apply().outcome(), v1::OUTCOME_SUCCEEDED);
  EXPECT_EQ(status.last_apply().operator_name(), "alice@bastion");

  machine_.Set("vm.b", "7");
  OpenJournal();  // as after the executor left
  status = Observe();
  EXPECT_EQ(status.resources(0).drift(), v1::DRIFT_NONE);
  EXPECT_EQ(status.resources(1).drift(), v1::DRIFT_DIFFERS);
  EXPECT_EQ(status.resources(1).kind(), v1::RESOURCE_KIND_SYSCTL);
  EXPECT_EQ(status.resources(1).name(), "vm.b");
  EXPECT_EQ(status.resources(1).message(), "live value is 7, wanted 2");
  EXPECT_EQ(machine_.Get("vm.b"), "7");
}

TEST_F(ObserverTest, IsNotMovedByPlansAndRefusedApplies) {
  ASSERT_THAT(Execute(Sign(NewCommand(1))), IsOk());
  v1::Command other = NewCommand(2, v1::MODE_VERIFY);
  other.mutable_roles(0)->clear_sysctls();
  ASSERT_THAT(Execute(Sign(other)), IsOk());
  other = NewCommand(3);
  other.set_cluster("another");
  EXPECT_FALSE(Execute(Sign(other)).ok());
  EXPECT_EQ(Observe().last_apply().command_id(), TestId(1));
  EXPECT_EQ(Observe().resources_size(), 2);
}

TEST_F(ObserverTest, SaysThatTheLastApplyWasBrokenOff) {
  ASSERT_THAT(Execute(Sign(NewCommand(1))), IsOk());
  const v1::Command second = NewCommand(2);
  AppliedState begun{.command_id = TestId(2), .role = second.roles(0), .target = second.targets(0)};
  ASSERT_THAT(journal_->Accept({.id = TestId(2), .mode = v1::MODE_APPLY}, {}, &begun), IsOk());
  OpenJournal();
  EXPECT_EQ(Observe().last_apply().outcome(), v1::OUTCOME_INTERRUPTED);
  EXPECT_EQ(Observe().resources_size(), 2);
}

TEST_F(ObserverTest, TakesAnApplyUnderWayForNoDrift) {
  absl::Notification working;
  absl::Notification go_on;
  machine_.before_set = [&](const std::string& name) {
    if (name != "vm.a") return;
    working.Notify();
    go_on.WaitForNotification();
  };
  std::thread apply([&] {
    RequestSummary summary;
    EXPECT_THAT(executor_->Execute(
                    Sign(NewCommand(1)), nullptr, [](const v1::Progress&) {}, summary),
                IsOk());
  });
  working.WaitForNotification();
  const v1::NodeStatus status = Observe();
  go_on.Notify();
  apply.join();
  EXPECT_TRUE(status.resources().empty());
  EXPECT_THAT(status.error(), testing::HasSubstr("under way"));
  EXPECT_EQ(status.last_apply().command_id(), TestId(1));
  EXPECT_EQ(status.last_apply().outcome(), v1::OUTCOME_UNSPECIFIED);
  EXPECT_EQ(Observe().resources_size(), 2);
}

TEST_F(ObserverTest, SaysWhenThePolicyNoLongerAllowsWhatWasApplied) {
  ASSERT_THAT(Execute(Sign(NewCommand(1))), IsOk());
  config_.policy.sysctls = {"vm.a"};
  const v1::NodeStatus status = Observe();
  EXPECT_TRUE(status.resources().empty());
  EXPECT_THAT(status.error(), testing::HasSubstr("vm.b"));
}

TEST_F(ObserverTest, IsBoundedHoweverMuchThereIsToTell) {
  ASSERT_THAT(Execute(Sign(NewCommand(1))), IsOk());
  const auto look = [&](int count, size_t name_bytes) {
    const auto plan = [&](const v1::Role&, const v1::Target&,
                          const CommandContext&) -> absl::StatusOr<std::vector<PlannedResource>> {
      std::vector<PlannedResource> resources;
      for (int i = 0; i < count; ++i) {
        resources.push_back({.resource = std::make_unique<MachineSysctl>(
                                 machine_, std::string(name_bytes, 'a') + std::to_string(i),
                                 std::string(2000, 'x'), nullptr)});
      }
      return resources;
    };
    const std::atomic<bool> stopping = false;
    return Observer(plan, *journal_, [this] { return now_; }).Look("", stopping).value();
  };
  v1::NodeStatus status = look(300, 10);
  ASSERT_EQ(status.resources_size(), 300);
  EXPECT_LE(status.resources(299).message().size(), kMaxDriftMessageBytes + 3);
  EXPECT_EQ(status.error(), "");
  status = look(1000, 50);
  EXPECT_EQ(status.resources_size(), 1000);
  EXPECT_EQ(status.resources(0).message(), "");
  EXPECT_EQ(status.resources(0).drift(), v1::DRIFT_DIFFERS);
  EXPECT_THAT(status.error(), testing::HasSubstr("too much to tell"));
  status = look(300, 3000);
  EXPECT_LT(status.resources_size(), 300);
  EXPECT_LE(status.ByteSizeLong(), kMaxNodeStatusBytes + 200);
}

TEST_F(ObserverTest, FailsWhenTheJournalIsGone) {
  std::filesystem::remove(config_.state + "/journal.db");
  summary_ = {};
  EXPECT_THAT(executor_->Observe(summary_),
              StatusIs(absl::StatusCode::kDataLoss, "deleted or replaced"));
}

}  // namespace
}  // namespace bpa::executor
