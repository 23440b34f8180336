// The log of one command, and the run that it makes.
#include "controller/history/run_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "controller/verb.h"
#include "tests/controller/results.h"
#include "tests/controller/scratch.h"

namespace bpa::controller {
namespace {

using Kind = RunEvent::Kind;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

const absl::Time kStart = absl::FromUnixMillis(1'700'000'000'000);

RunEvent Began(const std::string& verb) {
  return {.kind = Kind::kBegan, .at = kStart, .verb = verb};
}

RunEvent Sent(const std::string& node) {
  return {.kind = Kind::kSent, .at = kStart, .node = {.node = node}};
}

RunEvent Ended(const NodeResult& result) {
  return {.kind = Kind::kEnded, .at = kStart + absl::Seconds(1), .node = ToNodeRun(result, kStart)};
}

RunEvent Finished(int exit_code) {
  return {.kind = Kind::kFinished, .at = kStart + absl::Seconds(2), .exit_code = exit_code};
}

NodeResult Report(const std::string& node, v1::Outcome outcome = v1::OUTCOME_SUCCEEDED) {
  return Reported(
      node, v1::MODE_APPLY,
      {MakeResource(v1::RESOURCE_KIND_SYSCTL, "vm.max_map_count", v1::RESOURCE_STATUS_CHANGED)},
      outcome);
}

NodeResult Unreachable(const std::string& node) {
  return NotReported(node, NodeState::kUnreachable, absl::UnavailableError("cannot connect"));
}

Run TwoNodes() { return {.id = "x", .nodes = {{.node = "node-1"}, {.node = "node-2"}}}; }

Run After(const std::vector<RunEvent>& events) {
  Run run = TwoNodes();
  for (const RunEvent& event : events) Apply(event, &run);
  return run;
}

TEST(RunLogTest, ReadsBackEveryEventThatWasAppended) {
  const Scratch scratch;
  mkdir((scratch / "c").c_str(), 0700);
  const NodeResult refused = NotReported("node-2", NodeState::kRefused,
                                         absl::PermissionDeniedError("policy \"says\"\nno"));
  const std::vector<RunEvent> events = {Began("stage"), Sent("node-1"), Ended(Report("node-1")),
                                        Ended(refused), Finished(kExitRefused)};
  {
    absl::StatusOr<RunLog> log = RunLog::Open(scratch / "c");
    ASSERT_TRUE(log.ok()) << log.status();
    for (const RunEvent& event : events) ASSERT_TRUE(log->Append(event).ok());
    EXPECT_TRUE(log->Sync().ok());
  }
  const absl::StatusOr<RunEvents> read = ReadRunLog(scratch / "c");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_THAT(read->damaged, IsEmpty());
  ASSERT_THAT(read->events, SizeIs(events.size()));
  for (size_t i = 0; i < events.size(); ++i) {
    EXPECT_EQ(EncodeRunEvent(read->events[i]), EncodeRunEvent(events[i]));
  }
  EXPECT_EQ(read->events[3].node.message, "policy \"says\"\nno");
  EXPECT_EQ(read->events[2].node.counts.changed, 1);
  EXPECT_EQ(ModeOf(scratch / "c/run.jsonl"), 0600u);
}

TEST(RunLogTest, PassesOverALineThatAKillCutShortAndGoesOnAfterIt) {
  const Scratch scratch;
  mkdir((scratch / "c").c_str(), 0700);
  const std::string began = EncodeRunEvent(Began("apply"));
  WriteFile(scratch / "c/run.jsonl", began + began.substr(0, 20));
  EXPECT_THAT(ReadRunLog(scratch / "c")->events, SizeIs(1));
  ASSERT_TRUE(RunLog::Open(scratch / "c")->Append(Finished(0)).ok());
  const absl::StatusOr<RunEvents> read = ReadRunLog(scratch / "c");
  EXPECT_THAT(read->events, SizeIs(2));
  EXPECT_THAT(read->damaged, IsEmpty());
}

TEST(RunLogTest, NamesALineThatIsNoEvent) {
  const Scratch scratch;
  mkdir((scratch / "c").c_str(), 0700);
  WriteFile(scratch / "c/run.jsonl", EncodeRunEvent(Began("apply")) +
                                         "{\"event\": \"dreamt\", \"at\": \"\"}\n"
                                         "{\"event\": \"sent\"}\n{]}\n" +
                                         EncodeRunEvent(Finished(0)));
  const absl::StatusOr<RunEvents> read = ReadRunLog(scratch / "c");
  EXPECT_THAT(read->events, SizeIs(2));
  EXPECT_THAT(read->damaged, ElementsAre(HasSubstr("line 2: unknown event 'dreamt'"),
                                         HasSubstr("line 3: "), HasSubstr("line 4: ")));
}

TEST(RunTest, IsUnfinishedUntilItsEndIsSeen) {
  const auto run = After({Began("apply"), Sent("node-1"), Ended(Report("node-1")), Sent("node-2")});
  EXPECT_EQ(ResultWord(run), "unfinished");
  EXPECT_EQ(run.reported(), 1u);
  EXPECT_EQ(run.nodes[1].state, kSentState);
}

TEST(RunTest, IsCompletedWhenTheCommandIsSentAgain) {
  const auto run = After({Began("apply"), Sent("node-1"), Ended(Report("node-1")), Sent("node-2"),
                          Began("apply --signed"), Sent("node-2"), Ended(Report("node-2")),
                          Finished(kExitConverged)});
  EXPECT_EQ(ResultWord(run), "converged");
  EXPECT_EQ(run.verb, "apply");
  EXPECT_EQ(run.sendings, 2);
  EXPECT_EQ(run.reported(), 2u);
}

TEST(RunTest, AReportIsNotForgottenWhenTheNodeIsNotReachedLater) {
  const auto run = After({Began("apply"), Sent("node-1"), Ended(Report("node-1")), Finished(0),
                          Began("apply --signed"), Sent("node-1"), Ended(Unreachable("node-1")),
                          Finished(kExitUnreachable)});
  EXPECT_EQ(run.nodes[0].state, "reported");
  EXPECT_EQ(run.nodes[0].outcome, "succeeded");
}

TEST(RunTest, AnInterruptedReportGivesWayToTheNextAnswer) {
  const auto run = After({Began("apply"), Ended(Report("node-1", v1::OUTCOME_INTERRUPTED)),
                          Finished(kExitFailed), Began("apply --signed"), Sent("node-1"),
                          Ended(Report("node-1")), Finished(kExitConverged)});
  EXPECT_EQ(run.nodes[0].outcome, "succeeded");
  EXPECT_EQ(ResultWord(run), "converged");
}

TEST(RunTest, TheWorstNodeOfAllSendingsIsTheResult) {
  const auto run = After({Began("apply"), Ended(Unreachable("node-1")), Finished(kExitUnreachable),
                          Began("apply --signed"), Ended(Report("node-2")), Finished(0)});
  EXPECT_EQ(ResultWord(run), "unreachable");
}

TEST(RunTest, WrittenToAFileIsNotSent) {
  auto run = After({Began("apply --write"), Finished(kExitConverged)});
  EXPECT_EQ(ResultWord(run), "not sent");
  Apply(Began("apply --signed"), &run);
  EXPECT_EQ(run.verb, "apply --signed");
}

}  // namespace
}  // namespace bpa::controller
