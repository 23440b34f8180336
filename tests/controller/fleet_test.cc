#include "controller/fleet.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <mutex>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "controller/command_builder.h"
#include "tests/controller/fake_node.h"

namespace bpa::controller {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

FakeBehaviour Refuse(grpc::StatusCode code, std::string why) {
  return
      [code, why = std::move(why)](FakeNode&, const FakeCall&) { return grpc::Status(code, why); };
}

class FleetTest : public testing::Test {
 protected:
  std::vector<NodeResult> Run(FakeFleet& fleet, v1::Mode mode = v1::MODE_APPLY) {
    return RunOn(fleet, fleet.nodes(), mode);
  }

  std::vector<NodeResult> RunOn(FakeFleet& fleet, const std::vector<Node>& nodes,
                                v1::Mode mode = v1::MODE_APPLY) {
    const Home home = fleet.home();
    const Cluster cluster = *home.ReadCluster();
    const v1::Command command = *BuildCommand(cluster, cluster.nodes, {.mode = mode}, absl::Now());
    Envelope envelope = *WrapCommand(command);
    EXPECT_TRUE(SignEnvelope(*home.ReadSigningKey(), &envelope).ok());
    command_id_ = command.id();
    envelope_ = *EncodeEnvelope(envelope);
    EXPECT_TRUE(home.SaveCommand(command_id_, envelope_).ok());
    return RunCommand(nodes, *home.ReadClientIdentity(), home, command_id_, envelope_, options_,
                      observer_, stop_);
  }

  static std::vector<NodeState> States(const std::vector<NodeResult>& results) {
    std::vector<NodeState> states;
    states.reserve(results.size());
    for (const NodeResult& result : results) states.push_back(result.state);
    return states;
  }

  static std::string Message(const NodeResult& result) {
    return std::string(result.status.message());
  }

  FleetOptions options_;
  FleetObserver observer_;
  std::atomic<bool> stop_ = false;
  std::string command_id_;
  std::string envelope_;
};

TEST_F(FleetTest, BringsTheReportOfEveryNodeInTheOrderOfTheNodes) {
  FakeFleet fleet(3);
  const std::vector<NodeResult> results = Run(fleet);
  ASSERT_THAT(results, SizeIs(3));
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(results[i].node, absl::StrCat("node-", i + 1));
    EXPECT_EQ(results[i].state, NodeState::kReported) << results[i].status;
    EXPECT_TRUE(results[i].status.ok()) << results[i].status;
    EXPECT_EQ(results[i].report.node(), results[i].node);
    EXPECT_GT(results[i].elapsed, absl::ZeroDuration());
  }
}

TEST_F(FleetTest, SendsTheSameSignedBytesToEveryNode) {
  FakeFleet fleet(2);
  Run(fleet);
  EXPECT_THAT(fleet[0].received(), ElementsAre(envelope_));
  EXPECT_THAT(fleet[1].received(), ElementsAre(envelope_));
}

TEST_F(FleetTest, KeepsEachReportAsReceived) {
  FakeFleet fleet(1);
  const std::vector<NodeResult> results = Run(fleet);
  EXPECT_EQ(
      ReadFile(absl::StrCat(fleet.home().path(), "/commands/", command_id_, "/node-1.report.dsse")),
      results[0].report_envelope);
}

TEST_F(FleetTest, SaysWhenAReportCouldNotBeKept) {
  FakeFleet fleet(1);
  fleet[0].Behave([&](FakeNode& node, const FakeCall& call) {
    std::filesystem::remove_all(fleet.home().path() + "/commands");
    return Answer(node, call);
  });
  const std::vector<NodeResult> results = Run(fleet);
  EXPECT_EQ(results[0].state, NodeState::kReported);
  EXPECT_FALSE(results[0].status.ok());
}

TEST_F(FleetTest, TellsStartProgressAndEndInOrder) {
  FakeFleet fleet(1);
  std::vector<std::string> events;
  observer_.started = [&](const std::string& node) { events.push_back("started " + node); };
  observer_.progressed = [&](const std::string& node, const v1::Progress& progress) {
    events.push_back(absl::StrCat("progressed ", node, " ", progress.position()));
  };
  observer_.finished = [&](const NodeResult& result) {
    events.push_back("finished " + result.node);
  };
  Run(fleet);
  EXPECT_THAT(events, ElementsAre("started node-1", "progressed node-1 1", "finished node-1"));
}

TEST_F(FleetTest, TakesRefusalsAsAnswersAndDoesNotSendAgain) {
  const std::pair<grpc::StatusCode, absl::StatusCode> kRefusals[] = {
      {grpc::StatusCode::UNAUTHENTICATED, absl::StatusCode::kUnauthenticated},
      {grpc::StatusCode::PERMISSION_DENIED, absl::StatusCode::kPermissionDenied},
      {grpc::StatusCode::INVALID_ARGUMENT, absl::StatusCode::kInvalidArgument},
      {grpc::StatusCode::FAILED_PRECONDITION, absl::StatusCode::kFailedPrecondition},
      {grpc::StatusCode::ABORTED, absl::StatusCode::kAborted},
      {grpc::StatusCode::RESOURCE_EXHAUSTED, absl::StatusCode::kResourceExhausted}};
  for (const auto& [sent, seen] : kRefusals) {
    FakeFleet fleet(1);
    fleet[0].Behave(Refuse(sent, "busy with another"));
    const std::vector<NodeResult> results = Run(fleet);
    EXPECT_EQ(results[0].state, NodeState::kRefused);
    EXPECT_EQ(results[0].status.code(), seen);
    EXPECT_EQ(Message(results[0]), "busy with another");
    EXPECT_THAT(fleet[0].received(), SizeIs(1));
  }
}

TEST_F(FleetTest, SendsTheSameBytesAgainAfterAStreamThatWasCut) {
  FakeFleet fleet(1);
  fleet[0].Behave([](FakeNode& node, const FakeCall& call) {
    if (call.attempt > 2) return Answer(node, call);
    node.SendProgress(call, 1, 5, v1::RESOURCE_STATUS_CHANGED);
    return call.attempt == 1 ? grpc::Status(grpc::StatusCode::UNAVAILABLE, "gateway stopped")
                             : grpc::Status::OK;  // an end without a report
  });
  const std::vector<NodeResult> results = Run(fleet);
  EXPECT_EQ(results[0].state, NodeState::kReported) << results[0].status;
  EXPECT_THAT(fleet[0].received(), ElementsAre(envelope_, envelope_, envelope_));
}

TEST_F(FleetTest, SendsAgainHoweverLongTheNodeWasSilentBeforeTheStreamWasCut) {
  FakeFleet fleet(1);
  options_.connect_timeout = absl::Seconds(2);
  fleet[0].Behave([](FakeNode& node, const FakeCall& call) {
    if (call.attempt > 1) return Answer(node, call);
    absl::SleepFor(absl::Milliseconds(2500));
    return grpc::Status(grpc::StatusCode::UNAVAILABLE, "gateway stopped");
  });
  const std::vector<NodeResult> results = Run(fleet);
  EXPECT_EQ(results[0].state, NodeState::kReported) << results[0].status;
}

TEST_F(FleetTest, GivesUpAfterTheRetriesAndSaysThatSendingAgainIsSafe) {
  FakeFleet fleet(1);
  options_.retries = 1;
  fleet[0].Behave(Refuse(grpc::StatusCode::UNAVAILABLE, "gateway stopped"));
  const std::vector<NodeResult> results = Run(fleet);
  EXPECT_EQ(results[0].state, NodeState::kUnreachable);
  EXPECT_THAT(fleet[0].received(), SizeIs(2));
  EXPECT_THAT(Message(results[0]), HasSubstr("gateway stopped"));
  EXPECT_THAT(Message(results[0]), HasSubstr("may have run; sending it again is safe"));
  EXPECT_THAT(Message(results[0]), HasSubstr(command_id_ + "/command.dsse"));
}

TEST_F(FleetTest, SaysThatAPlanThatWasCutChangedNothing) {
  FakeFleet fleet(1);
  options_.retries = 0;
  fleet[0].Behave(Refuse(grpc::StatusCode::UNAVAILABLE, "gateway stopped"));
  EXPECT_THAT(Message(Run(fleet, v1::MODE_PLAN)[0]), HasSubstr("nothing is changed"));
}

TEST_F(FleetTest, WaitsForANodeThatIsBusyWithThisVeryCommand) {
  FakeFleet fleet(1);
  options_.retries = 0;
  fleet[0].Behave([](FakeNode& node, const FakeCall& call) {
    if (call.attempt > 2) return Answer(node, call);
    return grpc::Status(grpc::StatusCode::ABORTED, "busy with " + call.sent.command.id());
  });
  EXPECT_EQ(Run(fleet)[0].state, NodeState::kReported);
  EXPECT_THAT(fleet[0].received(), SizeIs(3));
}

TEST_F(FleetTest, LeavesAHangingNodeAtTheDeadline) {
  FakeFleet fleet(2);
  options_.command_timeout = absl::Milliseconds(300);
  fleet[0].Behave([](FakeNode&, const FakeCall& call) {
    while (!call.context->IsCancelled()) absl::SleepFor(absl::Milliseconds(5));
    return grpc::Status::CANCELLED;
  });
  const std::vector<NodeResult> results = Run(fleet);
  EXPECT_THAT(States(results), ElementsAre(NodeState::kUnreachable, NodeState::kReported));
  EXPECT_EQ(results[0].status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(Message(results[0]), HasSubstr("sending it again is safe"));
}

TEST_F(FleetTest, SaysThatNothingWasSentWhereNobodyListens) {
  FakeFleet fleet(1);
  options_.retries = 1;
  std::vector<Node> nodes = fleet.nodes();
  nodes[0].address = "127.0.0.1:1";
  const std::vector<NodeResult> results = RunOn(fleet, nodes);
  EXPECT_EQ(results[0].state, NodeState::kUnreachable);
  EXPECT_THAT(Message(results[0]), HasSubstr("cannot connect to 127.0.0.1:1"));
  EXPECT_THAT(Message(results[0]), HasSubstr("nothing was sent"));
}

// A peer that accepts and never says a word, as a port behind a stuck host does.
TEST_F(FleetTest, GivesUpOnAPeerThatNeverFinishesTheHandshake) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t size = sizeof(address);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  ASSERT_EQ(bind(listener, generic, size), 0);
  ASSERT_EQ(listen(listener, 4), 0);
  ASSERT_EQ(getsockname(listener, generic, &size), 0);
  FakeFleet fleet(1);
  options_.connect_timeout = absl::Milliseconds(400);
  std::vector<Node> nodes = fleet.nodes();
  nodes[0].address = absl::StrCat("127.0.0.1:", ntohs(address.sin_port));
  const absl::Time started = absl::Now();
  const std::vector<NodeResult> results = RunOn(fleet, nodes);
  EXPECT_LT(absl::Now() - started, absl::Seconds(5));
  EXPECT_EQ(results[0].state, NodeState::kUnreachable);
  EXPECT_THAT(Message(results[0]), HasSubstr("nothing was sent"));
  close(listener);
}

TEST_F(FleetTest, DoesNotTalkToAnotherNodeThatAnswersAtTheAddress) {
  FakeFleet fleet(2);
  options_.retries = 0;
  std::vector<Node> nodes = fleet.nodes();
  nodes[0].address = nodes[1].address;
  nodes.pop_back();
  const std::vector<NodeResult> results = RunOn(fleet, nodes);
  EXPECT_EQ(results[0].state, NodeState::kUnreachable);
  EXPECT_THAT(fleet.contacted(), IsEmpty());
}

TEST_F(FleetTest, DoesNotTalkToANodeOfAnotherAuthority) {
  FakeFleet fleet(1);
  FakeFleet stranger(1);
  options_.retries = 0;
  EXPECT_EQ(RunOn(fleet, stranger.nodes())[0].state, NodeState::kUnreachable);
  EXPECT_THAT(stranger.contacted(), IsEmpty());
}

TEST_F(FleetTest, DoesNotBelieveAReportSignedByAnotherKey) {
  FakeFleet fleet(1);
  const PrivateKey wrong = *PrivateKey::GenerateEd25519();
  fleet[0].Behave([&](FakeNode& node, const FakeCall& call) {
    node.SendReport(call, node.MakeReport(call.sent), &wrong);
    return grpc::Status::OK;
  });
  const std::vector<NodeResult> results = Run(fleet);
  EXPECT_EQ(results[0].state, NodeState::kBadReport);
  EXPECT_EQ(results[0].status.code(), absl::StatusCode::kUnauthenticated);
  EXPECT_FALSE(std::filesystem::exists(
      absl::StrCat(fleet.home().path(), "/commands/", command_id_, "/node-1.report.dsse")));
}

TEST_F(FleetTest, DoesNotBelieveAReportThatWasAltered) {
  FakeFleet fleet(1);
  fleet[0].Behave([](FakeNode& node, const FakeCall& call) {
    std::string bytes = node.SignReport(node.MakeReport(call.sent));
    bytes.replace(bytes.find("kafka1"), 6, "kafka2");
    node.SendBytes(call, bytes);
    return grpc::Status::OK;
  });
  EXPECT_EQ(Run(fleet)[0].state, NodeState::kBadReport);
}

TEST_F(FleetTest, SendsNothingToANodeWhoseAnswerItCouldNotCheck) {
  FakeFleet fleet(2);
  std::filesystem::remove(fleet.home().path() + "/nodes/node-1/report.pem");
  const std::vector<NodeResult> results = Run(fleet);
  EXPECT_THAT(States(results), ElementsAre(NodeState::kNotSent, NodeState::kReported));
  EXPECT_THAT(Message(results[0]), HasSubstr("node-1/report.pem"));
  EXPECT_THAT(fleet.contacted(), ElementsAre("node-2"));
}

TEST_F(FleetTest, StartsNoMoreOnceMoreThanMaxFailuresHaveFailed) {
  FakeFleet fleet(5);
  options_.concurrency = 1;
  options_.max_failures = 1;
  options_.retries = 0;
  fleet[0].Behave(Refuse(grpc::StatusCode::PERMISSION_DENIED, "no"));
  fleet[2].Behave(Refuse(grpc::StatusCode::UNAVAILABLE, "gone"));
  const std::vector<NodeResult> results = Run(fleet);
  EXPECT_THAT(States(results),
              ElementsAre(NodeState::kRefused, NodeState::kReported, NodeState::kUnreachable,
                          NodeState::kNotSent, NodeState::kNotSent));
  EXPECT_THAT(fleet.contacted(), ElementsAre("node-1", "node-2", "node-3"));
  EXPECT_THAT(Message(results[4]), HasSubstr("more than 1"));
}

TEST_F(FleetTest, CountsAFailedResourceAsAFailure) {
  FakeFleet fleet(2);
  options_.concurrency = 1;
  options_.max_failures = 0;
  fleet[0].Behave([](FakeNode& node, const FakeCall& call) {
    v1::Report report = node.MakeReport(call.sent);
    report.set_outcome(v1::OUTCOME_FAILED);
    report.mutable_resources(0)->set_status(v1::RESOURCE_STATUS_FAILED);
    node.SendReport(call, report);
    return grpc::Status::OK;
  });
  EXPECT_THAT(States(Run(fleet)), ElementsAre(NodeState::kReported, NodeState::kNotSent));
}

// Each node of the first batch waits until both are there, so they do run at once; a node of the
// next batch notes whether the first had ended.
TEST_F(FleetTest, EndsABatchBeforeTheNextBegins) {
  FakeFleet fleet(4);
  options_.batch = 2;
  std::mutex mutex;
  int ended = 0;
  std::vector<int> ended_before;
  observer_.finished = [&](const NodeResult&) {
    const std::lock_guard lock(mutex);
    ++ended;
  };
  absl::Notification both[2];
  for (size_t i = 0; i < 4; ++i) {
    fleet[i].Behave([&, i](FakeNode& node, const FakeCall& call) {
      {
        const std::lock_guard lock(mutex);
        ended_before.push_back(ended);
        if (ended_before.size() % 2 == 0) both[i / 2].Notify();
      }
      EXPECT_TRUE(both[i / 2].WaitForNotificationWithTimeout(absl::Seconds(20)));
      return Answer(node, call);
    });
  }
  Run(fleet);
  EXPECT_THAT(ended_before, ElementsAre(0, 0, 2, 2));
}

TEST_F(FleetTest, StopCollectsWhatIsUnderWayAndStartsNothingMore) {
  FakeFleet fleet(3);
  options_.concurrency = 1;
  fleet[0].Behave([&](FakeNode& node, const FakeCall& call) {
    stop_ = true;
    return Answer(node, call);
  });
  const std::vector<NodeResult> results = Run(fleet);
  EXPECT_THAT(States(results),
              ElementsAre(NodeState::kReported, NodeState::kNotSent, NodeState::kNotSent));
  EXPECT_THAT(fleet.contacted(), ElementsAre("node-1"));
  EXPECT_THAT(Message(results[2]), HasSubstr("stopped by the operator"));
}

TEST_F(FleetTest, StopEndsTheRetries) {
  FakeFleet fleet(1);
  fleet[0].Behave([&](FakeNode&, const FakeCall&) {
    stop_ = true;
    return grpc::Status(grpc::StatusCode::UNAVAILABLE, "gone");
  });
  EXPECT_EQ(Run(fleet)[0].state, NodeState::kUnreachable);
  EXPECT_THAT(fleet[0].received(), SizeIs(1));
}

}  // namespace
}  // namespace bpa::controller
