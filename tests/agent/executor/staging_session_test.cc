// One connection on which a command's content comes: what may come when, and what is left of a
// command whose content stops.
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <string>
#include <thread>
#include <utility>

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "agent/executor/node_identity.h"
#include "agent/executor/session.h"
#include "gtest/gtest.h"
#include "proto/frame.h"
#include "tests/agent/executor/node.h"

namespace bpa::executor {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(20);

v1::Want Chunk(uint64_t first) {
  v1::Want want;
  want.set_manifest_sha256(std::string(32, 'm'));
  v1::ChunkRange& range = *want.add_chunks();
  range.set_first(first);
  range.set_count(1);
  return want;
}

// The gateway's end of a connection that is served while this lives.
class Conversation {
 public:
  Conversation(RequestHandler& handler, const SessionLimits& limits) {
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends_.data()), 0);
    served_ = std::thread([this, &handler, limits] {
      told_ = ServeSession(ends_[1], geteuid(), {handler, identity_}, limits, summary_);
      close(ends_[1]);
    });
  }
  ~Conversation() {
    HangUp();
    if (served_.joinable()) served_.join();
  }
  void Send(FrameType type, const std::string& body) const {
    ASSERT_THAT(WriteFrame(ends_[0], type, body, absl::Now() + kPatience), IsOk());
  }
  // The next frame that asks or answers.
  absl::StatusOr<Frame> Next() const {
    while (true) {
      absl::StatusOr<Frame> frame = ReadFrame(ends_[0], absl::Now() + kPatience);
      if (!frame.ok()) return frame;
      if (frame->type != FrameType::kProgress && frame->type != FrameType::kEnded) return frame;
    }
  }
  v1::Want AwaitWant() const {
    const absl::StatusOr<Frame> frame = Next();
    v1::Want want;
    EXPECT_TRUE(frame.ok() && frame->type == FrameType::kWant && want.ParseFromString(frame->body));
    return want;
  }
  void HangUp() {
    if (ends_[0] >= 0) close(std::exchange(ends_[0], -1));
  }
  // Once the executor has ended, which it must have been given reason to.
  absl::Status Told() {
    served_.join();
    return told_;
  }
  const RequestSummary& summary() const { return summary_; }

 private:
  std::array<int, 2> ends_ = {-1, -1};
  const Config config_;
  NodeIdentity identity_{config_, absl::Now};
  std::thread served_;
  absl::Status told_;
  RequestSummary summary_;
};

class StagingSessionTest : public NodeTest {
 protected:
  StagingSessionTest() {
    // vm.a needs two chunks, asked for at once; what came of them is put down as vm.content.
    machine_.receive = [this](const std::string& name, ContentSource* content) {
      if (name != "vm.a") return absl::OkStatus();
      if (content == nullptr) return absl::FailedPreconditionError("no content here");
      for (const uint64_t chunk : {0, 1}) {
        if (absl::Status s = content->Want(Chunk(chunk)); !s.ok()) return s;
      }
      std::string all;
      while (all.size() < 10) {
        absl::StatusOr<std::string> piece = content->Read();
        if (!piece.ok()) return piece.status();
        all += *piece;
      }
      machine_.Set("vm.content", all);
      return absl::OkStatus();
    };
  }

  v1::Report ReportOf(const absl::StatusOr<Frame>& frame) const {
    EXPECT_THAT(frame, IsOk());
    EXPECT_EQ(frame->type, FrameType::kReport);
    return Open(frame->body);
  }
  // What the report says of vm.a when the gateway answers the wants with `type` and `body`.
  v1::ResourceResult AnsweredBy(FrameType type, const std::string& body) {
    Conversation gateway(*executor_, limits_);
    gateway.Send(FrameType::kStage, Sign(NewCommand(1)));
    gateway.AwaitWant();
    gateway.Send(type, body);
    absl::StatusOr<Frame> frame = gateway.Next();
    if (frame.ok() && frame->type == FrameType::kWant) frame = gateway.Next();
    return ReportOf(frame).resources(0);
  }

  SessionLimits limits_;
  const std::string envelope_ = Sign(NewCommand(1));
};

TEST_F(StagingSessionTest, SendsWantsAndHandsOnWhatComesInOrder) {
  Conversation gateway(*executor_, limits_);
  gateway.Send(FrameType::kStage, envelope_);
  EXPECT_EQ(gateway.AwaitWant().chunks(0).first(), 0u);
  EXPECT_EQ(gateway.AwaitWant().chunks(0).first(), 1u);
  gateway.Send(FrameType::kContent, "cut ");
  gateway.Send(FrameType::kContent, "anyhow");
  EXPECT_EQ(ReportOf(gateway.Next()).outcome(), v1::OUTCOME_SUCCEEDED);
  EXPECT_EQ(machine_.Get("vm.content"), "cut anyhow");
}

TEST_F(StagingSessionTest, ACommandSentWithoutStagingHasNoContent) {
  Conversation gateway(*executor_, limits_);
  gateway.Send(FrameType::kExecute, envelope_);
  const v1::Report report = ReportOf(gateway.Next());
  EXPECT_EQ(report.resources(0).message(), "no content here");
}

TEST_F(StagingSessionTest, RefusesContentThatNobodyAskedFor) {
  absl::Notification sent;
  machine_.receive = [&](const std::string&, ContentSource* content) {
    sent.WaitForNotification();
    return content->Want(Chunk(0));
  };
  Conversation gateway(*executor_, limits_);
  gateway.Send(FrameType::kStage, envelope_);
  gateway.Send(FrameType::kContent, "early");
  sent.Notify();
  const v1::ResourceResult result = ReportOf(gateway.Next()).resources(0);
  EXPECT_EQ(result.status(), v1::RESOURCE_STATUS_FAILED);
  EXPECT_EQ(result.message(), "content came before it was asked for");
}

TEST_F(StagingSessionTest, RefusesAnotherFrameInPlaceOfContent) {
  const v1::ResourceResult result = AnsweredBy(FrameType::kExecute, envelope_);
  EXPECT_EQ(result.status(), v1::RESOURCE_STATUS_FAILED);
  EXPECT_EQ(result.message(), "a frame of type 1 came instead of content");
  EXPECT_EQ(machine_.Get("vm.content"), "");
}

TEST_F(StagingSessionTest, AbandonedContentFailsThePackageWithTheReason) {
  const v1::ResourceResult result = AnsweredBy(FrameType::kAbandoned, "a\nb changed meanwhile");
  EXPECT_EQ(result.status(), v1::RESOURCE_STATUS_FAILED);
  EXPECT_EQ(result.message(), "bpactl cannot send the rest: a\\nb changed meanwhile");
  // Which is the command's end: its report is the answer for ever.
  EXPECT_EQ(Open(GetReport(TestId(1)).value()).outcome(), v1::OUTCOME_FAILED);
}

TEST_F(StagingSessionTest, ACommandWhoseConnectionEndsIsUnfinishedAndGoesOnWhenSentAgain) {
  for (const int pieces : {0, 1}) {
    Conversation gateway(*executor_, limits_);
    gateway.Send(FrameType::kStage, envelope_);
    gateway.AwaitWant();
    for (int i = 0; i < pieces; ++i) gateway.Send(FrameType::kContent, "lost");
    gateway.HangUp();
    EXPECT_THAT(gateway.Told(), StatusIs(absl::StatusCode::kUnavailable, ""));
    EXPECT_EQ(Open(GetReport(TestId(1)).value()).outcome(), v1::OUTCOME_INTERRUPTED);
  }
  Conversation gateway(*executor_, limits_);
  gateway.Send(FrameType::kStage, envelope_);
  gateway.AwaitWant();
  gateway.AwaitWant();
  gateway.Send(FrameType::kContent, "0123456789");
  EXPECT_EQ(ReportOf(gateway.Next()).outcome(), v1::OUTCOME_SUCCEEDED);
  EXPECT_EQ(gateway.summary().answer, "resumed");
}

TEST_F(StagingSessionTest, SilenceLeavesTheCommandUnfinishedAndSaysSo) {
  limits_.content.silence = absl::Milliseconds(30);
  Conversation gateway(*executor_, limits_);
  gateway.Send(FrameType::kStage, envelope_);
  gateway.AwaitWant();
  gateway.AwaitWant();
  const v1::Report report = ReportOf(gateway.Next());
  EXPECT_EQ(report.outcome(), v1::OUTCOME_INTERRUPTED);
}

TEST_F(StagingSessionTest, AStoredReportNeedsNoContent) {
  {
    Conversation gateway(*executor_, limits_);
    gateway.Send(FrameType::kStage, envelope_);
    gateway.AwaitWant();
    gateway.AwaitWant();
    gateway.Send(FrameType::kContent, "0123456789");
    EXPECT_EQ(ReportOf(gateway.Next()).outcome(), v1::OUTCOME_SUCCEEDED);
  }
  Conversation gateway(*executor_, limits_);
  gateway.Send(FrameType::kStage, envelope_);
  EXPECT_EQ(ReportOf(gateway.Next()).outcome(), v1::OUTCOME_SUCCEEDED);
}

TEST_F(StagingSessionTest, ContentThatIsNotReadAnyMoreDoesNotCostTheReport) {
  absl::Notification sent;
  machine_.receive = [&](const std::string& name, ContentSource* content) {
    if (name != "vm.a") return absl::OkStatus();
    if (absl::Status s = content->Want(Chunk(0)); !s.ok()) return s;
    if (absl::Status s = content->Read().status(); !s.ok()) return s;
    sent.WaitForNotification();
    return absl::ResourceExhaustedError("the disk is full");
  };
  Conversation gateway(*executor_, limits_);
  gateway.Send(FrameType::kStage, envelope_);
  gateway.AwaitWant();
  for (int i = 0; i < 3; ++i) gateway.Send(FrameType::kContent, std::string(1000, 'x'));
  sent.Notify();
  EXPECT_EQ(ReportOf(gateway.Next()).resources(0).message(), "the disk is full");
}

}  // namespace
}  // namespace bpa::executor
