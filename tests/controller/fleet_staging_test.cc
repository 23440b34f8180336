// Sending commands whose packages need content: what nodes are sent, how fast, and what happens
// when a connection is lost.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "controller/command_builder.h"
#include "controller/fleet.h"
#include "tests/controller/fake_node.h"

namespace bpa::controller {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

// Content by chunk number: chunk N is its number's letter, kChunk times.
constexpr size_t kChunk = 100'000;

std::string Chunk(uint64_t number) {
  return std::string(kChunk, static_cast<char>('a' + number % 26));
}

v1::Want Chunks(uint64_t first, uint64_t count = 1) {
  v1::Want want;
  v1::ChunkRange* range = want.add_chunks();
  range->set_first(first);
  range->set_count(count);
  return want;
}

class Letters : public ContentSupplier {
 public:
  class Stream : public ContentStream {
   public:
    explicit Stream(Letters& letters) : letters_(letters) {}
    absl::Status Want(const v1::Want& want) override {
      if (want.chunks(0).first() >= 26) return absl::InvalidArgumentError("no such chunk");
      for (uint64_t i = 0; i < want.chunks(0).count(); ++i) {
        waiting_.push_back(want.chunks(0).first() + i);
      }
      return absl::OkStatus();
    }
    absl::StatusOr<std::string> Next() override {
      if (waiting_.empty()) return std::string();
      const uint64_t number = waiting_.front();
      waiting_.pop_front();
      if (number == letters_.changed) return absl::AbortedError("'z' changed");
      ++letters_.pieces;
      return Chunk(number);
    }

   private:
    Letters& letters_;
    std::deque<uint64_t> waiting_;
  };

  std::unique_ptr<ContentStream> Open() override { return std::make_unique<Stream>(*this); }

  uint64_t changed = 1000;
  int pieces = 0;
};

class FleetStagingTest : public testing::Test {
 protected:
  std::vector<NodeResult> Run() {
    const Home home = fleet_.home();
    const Cluster cluster = *home.ReadCluster();
    const v1::Command command =
        *BuildCommand(cluster, cluster.nodes, {.mode = v1::MODE_APPLY}, absl::Now());
    Envelope envelope = *WrapCommand(command);
    EXPECT_TRUE(SignEnvelope(*home.ReadSigningKey(), &envelope).ok());
    const std::string bytes = *EncodeEnvelope(envelope);
    EXPECT_TRUE(home.SaveCommand(command.id(), bytes).ok());
    options_.content = &letters_;
    return RunCommand(fleet_.nodes(), *home.ReadClientIdentity(), home, command.id(), bytes,
                      options_, {}, stop_);
  }

  // What a node does that lacks nothing after `wants`.
  void AnswerAfter(FakeNode& node, const std::vector<v1::Want>& wants, std::string* received) {
    node.BehaveWhenStaging([=](FakeNode& self, const FakeStaging& call) {
      size_t bytes = 0;
      for (const v1::Want& want : wants) {
        call.Want(want);
        bytes += want.chunks(0).count() * kChunk;
      }
      *received = call.Receive(bytes);
      call.SendReport(self.SignReport(self.MakeReport(call.sent)));
      return grpc::Status::OK;
    });
  }

  FakeFleet fleet_{2};
  Letters letters_;
  FleetOptions options_;
  std::atomic<bool> stop_ = false;
};

TEST_F(FleetStagingTest, SendsEachNodeWhatItWantsInItsOrder) {
  std::string one;
  std::string two;
  AnswerAfter(fleet_[0], {Chunks(0, 3), Chunks(5)}, &one);
  AnswerAfter(fleet_[1], {Chunks(2)}, &two);
  for (const NodeResult& result : Run()) {
    EXPECT_EQ(result.state, NodeState::kReported) << result.status;
  }
  EXPECT_TRUE(one == Chunk(0) + Chunk(1) + Chunk(2) + Chunk(5));
  EXPECT_TRUE(two == Chunk(2));
}

TEST_F(FleetStagingTest, ANodeThatWantsNothingJustReports) {
  std::string none;
  AnswerAfter(fleet_[0], {}, &none);
  AnswerAfter(fleet_[1], {}, &none);
  EXPECT_EQ(Run()[0].state, NodeState::kReported);
  EXPECT_EQ(letters_.pieces, 0);
}

TEST_F(FleetStagingTest, ARefusalIsAnAnswerThoughNothingWasAskedFor) {
  for (size_t i : {0, 1}) {
    fleet_[i].BehaveWhenStaging([](FakeNode&, const FakeStaging&) {
      return grpc::Status(grpc::StatusCode::PERMISSION_DENIED, "not allowed here");
    });
  }
  const std::vector<NodeResult> results = Run();
  EXPECT_EQ(results[0].state, NodeState::kRefused);
  EXPECT_THAT(fleet_[0].received(), SizeIs(1));
}

TEST_F(FleetStagingTest, TellsANodeWhyItsContentDoesNotCome) {
  letters_.changed = 1;
  std::string one;
  std::string two;
  AnswerAfter(fleet_[0], {Chunks(0, 3)}, &one);
  AnswerAfter(fleet_[1], {Chunks(30)}, &two);
  Run();
  EXPECT_EQ(one, "abandoned: 'z' changed");
  EXPECT_EQ(two, "abandoned: no such chunk");
}

TEST_F(FleetStagingTest, SendsTheSameBytesAgainAfterAConnectionWasCutAndOnlyWhatIsMissing) {
  options_.retries = 1;
  std::string two;
  AnswerAfter(fleet_[1], {}, &two);
  std::atomic<int> received = 0;
  fleet_[0].BehaveWhenStaging([&](FakeNode& self, const FakeStaging& call) {
    call.Want(Chunks(static_cast<uint64_t>(received.load()), 5));
    call.Receive(kChunk);
    call.Tell(static_cast<uint64_t>(++received));
    // More often than there are retries: each attempt got on.
    if (call.attempt < 3) return grpc::Status(grpc::StatusCode::UNAVAILABLE, "gone");
    call.SendReport(self.SignReport(self.MakeReport(call.sent)));
    return grpc::Status::OK;
  });
  const std::vector<NodeResult> results = Run();
  EXPECT_EQ(results[0].state, NodeState::kReported) << results[0].status;
  EXPECT_THAT(fleet_[0].received(), SizeIs(3));
  EXPECT_EQ(fleet_[0].received()[0], fleet_[0].received()[2]);
  ASSERT_TRUE(results[0].packages.contains("/opt/bpa/packages"));
}

TEST_F(FleetStagingTest, GivesUpOnANodeThatNeverGetsBeyondTheSamePoint) {
  options_.retries = 2;
  std::string two;
  AnswerAfter(fleet_[1], {}, &two);
  fleet_[0].BehaveWhenStaging([&](FakeNode&, const FakeStaging& call) {
    call.Want(Chunks(0));
    call.Receive(kChunk);
    call.Tell(kChunk);
    return grpc::Status(grpc::StatusCode::UNAVAILABLE, "the executor died");
  });
  const std::vector<NodeResult> results = Run();
  EXPECT_EQ(results[0].state, NodeState::kUnreachable);
  EXPECT_THAT(fleet_[0].received(), SizeIs(3));
}

TEST_F(FleetStagingTest, SendsAgainWhereTheNodeSaysThatItWasInterrupted) {
  std::string two;
  AnswerAfter(fleet_[1], {}, &two);
  fleet_[0].BehaveWhenStaging([&](FakeNode& self, const FakeStaging& call) {
    v1::Report report = self.MakeReport(call.sent);
    if (call.attempt == 1) report.set_outcome(v1::OUTCOME_INTERRUPTED);
    call.SendReport(self.SignReport(report));
    return grpc::Status::OK;
  });
  const std::vector<NodeResult> results = Run();
  EXPECT_EQ(results[0].report.outcome(), v1::OUTCOME_SUCCEEDED);
  EXPECT_THAT(fleet_[0].received(), SizeIs(2));
}

TEST_F(FleetStagingTest, LeavesANodeAtTheDeadlineHoweverMuchItAsksFor) {
  options_.command_timeout = absl::Milliseconds(500);
  std::string two;
  AnswerAfter(fleet_[1], {}, &two);
  fleet_[0].BehaveWhenStaging([](FakeNode&, const FakeStaging& call) {
    while (!call.context->IsCancelled()) {
      call.Tell(1);
      call.Want(Chunks(1));
      call.Receive(kChunk);
    }
    return grpc::Status::OK;
  });
  const std::vector<NodeResult> results = Run();
  EXPECT_EQ(results[0].state, NodeState::kUnreachable);
  EXPECT_EQ(results[0].status.code(), absl::StatusCode::kDeadlineExceeded);
}

TEST_F(FleetStagingTest, LimitsTheRateOverAllNodes) {
  options_.limit_rate = 1'000'000;
  std::string one;
  std::string two;
  AnswerAfter(fleet_[0], {Chunks(0, 5)}, &one);
  AnswerAfter(fleet_[1], {Chunks(0, 5)}, &two);
  const absl::Time begun = absl::Now();
  Run();
  const absl::Duration took = absl::Now() - begun;
  EXPECT_GT(took, absl::Milliseconds(850));
  EXPECT_LT(took, absl::Seconds(3));
  EXPECT_TRUE(one == two);
}

}  // namespace
}  // namespace bpa::controller
