// The verbs that talk to nodes, from the command line to the exit code.
#include "controller/apply_flow.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "tests/controller/fake_node.h"
#include "tests/controller/run_bpactl.h"
#include "tests/controller/terminal.h"

namespace bpa::controller {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

class ApplyFlowTest : public testing::Test {
 protected:
  // In the test's process, without a terminal.
  Ran Piped(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"--home", fleet_.home().path()});
    return Bpactl(arguments);
  }

  std::unique_ptr<OnTerminal> Terminal(std::vector<std::string> arguments) {
    setenv("TERM", "xterm", 1);
    arguments.insert(arguments.begin(), {BPA_BPACTL, "--home", fleet_.home().path()});
    return std::make_unique<OnTerminal>(arguments);
  }

  v1::Command Received(size_t node, size_t call) {
    return ReadSentCommand(fleet_[node].received().at(call))->command;
  }

  void AnswerReset() {
    for (size_t i = 0; i < 2; ++i) {
      fleet_[i].Behave([](FakeNode& node, const FakeCall& call) {
        v1::Report report = node.MakeReport(call.sent);
        v1::ResourceResult* resource = report.mutable_resources(0);
        resource->set_kind(v1::RESOURCE_KIND_RESET);
        resource->mutable_changes(0)->set_aspect("contents");
        resource->mutable_changes(0)->set_before("3 entries, 12 KiB");
        node.SendReport(call, report);
        return grpc::Status::OK;
      });
    }
  }

  void AnswerAsWanted() {
    for (size_t i = 0; i < 2; ++i) {
      fleet_[i].Behave([](FakeNode& node, const FakeCall& call) {
        v1::Report report = node.MakeReport(call.sent);
        report.mutable_resources(0)->clear_changes();
        report.mutable_resources(0)->set_status(v1::RESOURCE_STATUS_UNCHANGED);
        node.SendReport(call, report);
        return grpc::Status::OK;
      });
    }
  }

  FakeFleet fleet_{2};
};

TEST_F(ApplyFlowTest, PlanShowsDifferencesAndExitsWithTwo) {
  const Ran ran = Piped({"plan"});
  EXPECT_EQ(ran.exit_code, kExitDifferences);
  EXPECT_THAT(ran.out, HasSubstr("node-1, node-2\n  directory /opt/bpa/data/kafka1\n"
                                 "    ~ mode          0755 -> 0777\n"));
  EXPECT_EQ(Received(0, 0).mode(), v1::MODE_PLAN);
}

TEST_F(ApplyFlowTest, PlanExitsWithZeroWhenAllIsAsWanted) {
  AnswerAsWanted();
  EXPECT_EQ(Piped({"plan"}).exit_code, kExitConverged);
}

TEST_F(ApplyFlowTest, WithoutATerminalAndWithoutYesNothingIsSent) {
  const Ran ran = Piped({"apply"});
  EXPECT_EQ(ran.exit_code, kExitUsage);
  EXPECT_THAT(ran.err, HasSubstr("--yes"));
  EXPECT_THAT(fleet_.contacted(), IsEmpty());
}

TEST_F(ApplyFlowTest, YesAppliesInOneRoundAndRecaps) {
  const Ran ran = Piped({"apply", "--yes", "--reason", "CHG-1"});
  EXPECT_EQ(ran.exit_code, kExitConverged);
  EXPECT_THAT(ran.out, AllOf(HasSubstr("node-1  ok=0 changed=1 failed=0 skipped=0  "),
                             HasSubstr("node-2  ok=0 changed=1 failed=0 skipped=0  ")));
  EXPECT_THAT(ran.err, HasSubstr("node-1: sent\n"));
  ASSERT_THAT(fleet_[0].received(), SizeIs(1));
  EXPECT_EQ(Received(0, 0).mode(), v1::MODE_APPLY);
  EXPECT_EQ(Received(0, 0).reason(), "CHG-1");
  EXPECT_FALSE(Received(0, 0).targets(0).has_reviewed_plan());
}

TEST_F(ApplyFlowTest, JsonIsOneDocumentAndNothingElse) {
  for (const char* verb : {"plan", "verify", "nodes"}) {
    const Ran ran = Piped({verb, "--output", "json"});
    const json document = json::parse(ran.out);
    EXPECT_EQ(document["exit_code"], ran.exit_code) << verb;
    EXPECT_EQ(document["nodes"].size(), 2) << verb;
    EXPECT_EQ(ran.err, "") << verb;
  }
  const Ran ran = Piped({"apply", "--yes", "--output", "json"});
  EXPECT_EQ(json::parse(ran.out)["nodes"][0]["report"]["counts"]["changed"], 1);
}

TEST_F(ApplyFlowTest, KeepsTheCommandBeforeItIsSent) {
  std::atomic<bool> kept = false;
  fleet_[0].Behave([&](FakeNode& node, const FakeCall& call) {
    kept = std::filesystem::exists(
        absl::StrCat(fleet_.home().path(), "/commands/", call.sent.command.id(), "/command.dsse"));
    return Answer(node, call);
  });
  Piped({"apply", "--yes", "node-1"});
  EXPECT_TRUE(kept);
}

TEST_F(ApplyFlowTest, OnlyTheNamedNodesAreAsked) {
  EXPECT_EQ(Piped({"verify", "node-2"}).exit_code, kExitDifferences);
  EXPECT_THAT(fleet_.contacted(), testing::ElementsAre("node-2"));
  EXPECT_EQ(Received(1, 0).targets_size(), 1);
}

TEST_F(ApplyFlowTest, APartOfTheRolesIsAllThatItsVerbSends) {
  Piped({"sysctl", "--yes", "node-1"});
  Piped({"mount", "--yes", "node-1"});
  Piped({"dirs", "--plan-only", "node-1"});
  const v1::Role sysctl = Received(0, 0).roles(0);
  EXPECT_GT(sysctl.sysctls_size(), 0);
  EXPECT_EQ(sysctl.volumes_size() + sysctl.directories_size(), 0);
  const v1::Role mount = Received(0, 1).roles(0);
  EXPECT_GT(mount.volumes_size(), 0);
  EXPECT_EQ(mount.sysctls_size() + mount.directories_size(), 0);
  const v1::Command dirs = Received(0, 2);
  EXPECT_EQ(dirs.mode(), v1::MODE_PLAN);
  EXPECT_GT(dirs.roles(0).directories_size(), 0);
  EXPECT_EQ(dirs.roles(0).sysctls_size(), 0);
}

TEST_F(ApplyFlowTest, ASavedPlanBindsTheApply) {
  const std::string file = fleet_.scratch() / "plan.json";
  EXPECT_EQ(Piped({"plan", "--out", file}).exit_code, kExitDifferences);
  EXPECT_EQ(Piped({"apply", "--plan", file, "--yes"}).exit_code, kExitConverged);
  const v1::Command command = Received(0, 1);
  EXPECT_EQ(command.targets(0).reviewed_plan().plan_id(), Received(0, 0).id());
  EXPECT_EQ(command.targets(0).reviewed_plan().change_sha256_size(), 1);
}

TEST_F(ApplyFlowTest, APlanIsAppliedOnlyAsItWasMade) {
  const std::string file = fleet_.scratch() / "plan.json";
  Piped({"plan", "--out", file, "node-1"});
  EXPECT_THAT(Piped({"apply", "--plan", file, "--yes", "node-2"}).err,
              HasSubstr("\"node-2\" is not in this plan"));
  EXPECT_THAT(Piped({"sysctl", "--plan", file, "--yes"}).err, HasSubstr("other parts"));
  EXPECT_THAT(
      Piped({"apply", "--plan", file, "--yes", "--reset", "--confirm-reset", "bpa-test"}).err,
      HasSubstr("without --reset"));
  WriteFile(file, absl::StrReplaceAll(ReadFile(file), {{"bpa-test", "bpa-prod"}}));
  EXPECT_THAT(Piped({"apply", "--plan", file, "--yes"}).err, HasSubstr("\"bpa-prod\""));
  EXPECT_THAT(fleet_[0].received(), SizeIs(1));
  EXPECT_THAT(fleet_[1].received(), IsEmpty());
}

TEST_F(ApplyFlowTest, ResetWithYesNeedsTheClustersName) {
  EXPECT_EQ(Piped({"apply", "--yes", "--reset"}).exit_code, kExitUsage);
  EXPECT_EQ(Piped({"apply", "--yes", "--reset", "--confirm-reset", "other"}).exit_code, kExitUsage);
  EXPECT_THAT(fleet_.contacted(), IsEmpty());
  EXPECT_EQ(Piped({"apply", "--yes", "--reset", "--confirm-reset", "bpa-test"}).exit_code,
            kExitConverged);
  EXPECT_TRUE(Received(0, 0).reset_directories());
}

TEST_F(ApplyFlowTest, AWrittenCommandIsSentAsItIs) {
  const std::string file = fleet_.scratch() / "command.dsse";
  const Ran written = Piped({"apply", "--write", file});
  EXPECT_EQ(written.exit_code, kExitConverged);
  EXPECT_THAT(written.out, HasSubstr("bpactl apply --signed " + file));
  EXPECT_THAT(fleet_.contacted(), IsEmpty());
  EXPECT_EQ(Piped({"apply", "--signed", file}).exit_code, kExitUsage);
  EXPECT_THAT(fleet_.contacted(), IsEmpty());
  EXPECT_EQ(Piped({"apply", "--signed", file, "--yes"}).exit_code, kExitConverged);
  EXPECT_EQ(fleet_[0].received().at(0), ReadFile(file));
  EXPECT_EQ(fleet_[1].received().at(0), ReadFile(file));
}

TEST_F(ApplyFlowTest, ASignedCommandGoesToItsTargetsOnly) {
  const std::string file = fleet_.scratch() / "command.dsse";
  Piped({"apply", "--write", file, "node-2"});
  EXPECT_THAT(Piped({"apply", "--signed", file, "--yes", "node-1"}).err,
              HasSubstr("not among the signed command's targets"));
  EXPECT_EQ(Piped({"apply", "--signed", file, "--yes"}).exit_code, kExitConverged);
  EXPECT_THAT(fleet_.contacted(), testing::ElementsAre("node-2"));
}

TEST_F(ApplyFlowTest, RefusalsAreTheExitCode) {
  fleet_[1].Behave([](FakeNode&, const FakeCall&) {
    return grpc::Status(grpc::StatusCode::PERMISSION_DENIED, "policy says no");
  });
  const Ran ran = Piped({"apply", "--yes"});
  EXPECT_EQ(ran.exit_code, kExitRefused);
  EXPECT_THAT(ran.out, AllOf(HasSubstr("node-1  ok=0 changed=1"), HasSubstr("node-2  refused"),
                             HasSubstr("    policy says no\n")));
}

TEST_F(ApplyFlowTest, NodesShowsWhoAnswers) {
  const Ran all = Piped({"nodes"});
  EXPECT_EQ(all.exit_code, kExitConverged);
  EXPECT_THAT(all.out, AllOf(HasSubstr("node-1  yes"), HasSubstr("0.1.0"), HasSubstr("100d")));
  const std::string path = fleet_.home().cluster_path();
  WriteFile(path, absl::StrReplaceAll(ReadFile(path),
                                      {{absl::StrCat(":", fleet_[1].port(), "\n"), ":1\n"}}));
  const Ran some = Piped({"nodes"});
  EXPECT_EQ(some.exit_code, kExitUnreachable);
  EXPECT_THAT(some.out, AllOf(HasSubstr("node-2  no "), HasSubstr("node-2: no answer from")));
}

TEST_F(ApplyFlowTest, YesOnATerminalAppliesBoundToThePlanThatWasShown) {
  const auto terminal = Terminal({"apply"});
  ASSERT_TRUE(terminal->Await("directory /opt/bpa/data/kafka1"));
  ASSERT_TRUE(terminal->Await("Apply these changes to 2 nodes? [yes/no] "));
  EXPECT_THAT(fleet_[0].received(), SizeIs(1));
  terminal->Type("yes\n");
  EXPECT_EQ(terminal->Wait(), kExitConverged);
  EXPECT_THAT(terminal->screen(), HasSubstr("changed=1 failed=0 skipped=0"));
  ASSERT_THAT(fleet_[1].received(), SizeIs(2));
  EXPECT_EQ(Received(1, 1).targets(1).reviewed_plan().plan_id(), Received(1, 0).id());
  EXPECT_EQ(Received(1, 1).targets(1).reviewed_plan().change_sha256_size(), 1);
}

TEST_F(ApplyFlowTest, AnythingElseOnATerminalChangesNothing) {
  for (const char* answer : {"no\n", "\n", "\x04"}) {
    const size_t plans = fleet_[0].received().size() + 1;
    const auto terminal = Terminal({"apply"});
    ASSERT_TRUE(terminal->Await("[yes/no] "));
    terminal->Type(answer);
    EXPECT_EQ(terminal->Wait(), kExitUsage);
    EXPECT_THAT(terminal->screen(), HasSubstr("Nothing was changed."));
    ASSERT_THAT(fleet_[0].received(), SizeIs(plans));
    EXPECT_EQ(Received(0, plans - 1).mode(), v1::MODE_PLAN);
  }
}

TEST_F(ApplyFlowTest, NothingToChangeIsNotAskedAbout) {
  AnswerAsWanted();
  const auto terminal = Terminal({"apply"});
  EXPECT_EQ(terminal->Wait(), kExitConverged);
  EXPECT_THAT(terminal->screen(),
              AllOf(HasSubstr("Nothing to change."), Not(HasSubstr("[yes/no]"))));
}

TEST_F(ApplyFlowTest, AResetOnATerminalNeedsTheClustersNameBesidesTheYes) {
  AnswerReset();
  for (const char* name : {"yes\n", "bpa-test\n"}) {
    const auto terminal = Terminal({"apply", "--reset"});
    ASSERT_TRUE(terminal->Await("[yes/no] "));
    terminal->Type("yes\n");
    ASSERT_TRUE(terminal->Await("node-1: /opt/bpa/data/kafka1 (3 entries, 12 KiB)"));
    ASSERT_TRUE(terminal->Await("Type the cluster's name (bpa-test) to wipe: "));
    terminal->Type(name);
    const bool right = std::string_view(name) == "bpa-test\n";
    EXPECT_EQ(terminal->Wait(), right ? kExitConverged : kExitUsage);
    EXPECT_THAT(fleet_[0].received(), SizeIs(right ? 3 : 1));
  }
}

// Node 1 holds its answer back until Ctrl-C has been noticed.
TEST_F(ApplyFlowTest, CtrlCCollectsWhatIsUnderWayAndSendsNoMore) {
  absl::Notification sent;
  absl::Notification go_on;
  fleet_[0].Behave([&](FakeNode& node, const FakeCall& call) {
    sent.Notify();
    go_on.WaitForNotification();
    return Answer(node, call);
  });
  const auto terminal = Terminal({"apply", "--yes", "--concurrency", "1"});
  EXPECT_TRUE(sent.WaitForNotificationWithTimeout(absl::Minutes(1)));
  terminal->Type("\x03");
  EXPECT_TRUE(terminal->Await("no more nodes are started"));
  go_on.Notify();
  EXPECT_EQ(terminal->Wait(), kExitFailed);
  EXPECT_THAT(terminal->screen(), AllOf(HasSubstr("changed=1"), HasSubstr("not sent")));
  EXPECT_THAT(fleet_.contacted(), testing::ElementsAre("node-1"));
}

TEST_F(ApplyFlowTest, CtrlCTwiceLeavesAndSaysHowToCollectTheReports) {
  absl::Notification sent;
  // The node's thread may still look at it when the test has ended: nobody waits for its answer.
  const auto go_on = std::make_shared<absl::Notification>();
  fleet_[0].Behave([&sent, go_on](FakeNode& node, const FakeCall& call) {
    sent.Notify();
    go_on->WaitForNotification();
    return Answer(node, call);
  });
  const auto terminal = Terminal({"apply", "--yes", "node-1"});
  EXPECT_TRUE(sent.WaitForNotificationWithTimeout(absl::Minutes(1)));
  terminal->Type("\x03");
  EXPECT_TRUE(terminal->Await("no more nodes are started"));
  terminal->Type("\x03");
  EXPECT_EQ(terminal->Wait(), 130);
  EXPECT_THAT(terminal->screen(), HasSubstr("bpactl apply --signed "));
  go_on->Notify();
}

TEST_F(ApplyFlowTest, NoColorOnATerminalMeansNoColour) {
  setenv("NO_COLOR", "1", 1);
  const auto plain = Terminal({"plan"});
  EXPECT_EQ(plain->Wait(), kExitDifferences);
  EXPECT_THAT(plain->screen(), Not(HasSubstr("\x1b[33m")));
  unsetenv("NO_COLOR");
  const auto colored = Terminal({"plan"});
  EXPECT_EQ(colored->Wait(), kExitDifferences);
  EXPECT_THAT(colored->screen(), HasSubstr("\x1b[33m~ mode"));
}

}  // namespace
}  // namespace bpa::controller
