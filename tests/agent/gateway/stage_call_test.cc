// Staging through a real server: both directions, and how each end of it ends.
#include "agent/gateway/stage_call.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <atomic>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "proto/envelope.h"
#include "tests/agent/gateway/running_server.h"

namespace bpa::gateway {
namespace {

using testing::HasSubstr;

// One call, as a controller makes it.
class Client {
 public:
  explicit Client(std::unique_ptr<v1::AgentService::Stub> stub)
      : stub_(std::move(stub)), stream_(stub_->Stage(&context_)) {}
  ~Client() {
    context_.TryCancel();
    if (!finished_) (void)stream_->Finish();
  }
  bool SendEnvelope(const std::string& envelope = "envelope") {
    v1::StageRequest request;
    request.set_envelope(envelope);
    return stream_->Write(request);
  }
  bool SendContent(const std::string& content) {
    v1::StageRequest request;
    request.set_content(content);
    return stream_->Write(request);
  }
  bool SendAbandoned(const std::string& reason) {
    v1::StageRequest request;
    request.set_abandoned(reason);
    return stream_->Write(request);
  }
  void EndSending() { stream_->WritesDone(); }
  void Cancel() { context_.TryCancel(); }
  // Nothing at the end.
  std::optional<v1::StageResponse> Next() {
    v1::StageResponse response;
    if (!stream_->Read(&response)) return std::nullopt;
    return response;
  }
  grpc::Status Finish() {
    finished_ = true;
    return stream_->Finish();
  }
  // Reads to the end.
  grpc::Status Status() {
    while (Next()) {
    }
    return Finish();
  }

 private:
  const std::unique_ptr<v1::AgentService::Stub> stub_;
  grpc::ClientContext context_;
  const std::unique_ptr<grpc::ClientReaderWriter<v1::StageRequest, v1::StageResponse>> stream_;
  bool finished_ = false;
};

absl::StatusOr<Frame> Receive(int fd) { return ReadFrame(fd, absl::Now() + absl::Seconds(10)); }

std::string Want(uint64_t offset) {
  v1::Want want;
  want.set_manifest_offset(offset);
  return want.SerializeAsString();
}

class StageCallTest : public ServerFixture {
 protected:
  void StartWith(StandInExecutor::Handler handler) {
    executor_.emplace(config_.executor_socket, std::move(handler));
    StartServer();
  }

  std::optional<StandInExecutor> executor_;
};

TEST_F(StageCallTest, CarriesWantsAndContentInOrderUntilTheReport) {
  std::vector<Frame> seen;
  StartWith([&](int fd, const Frame& request) {
    seen.push_back(request);
    Send(fd, FrameType::kWant, Want(7));
    seen.push_back(Receive(fd).value());
    Send(fd, FrameType::kProgress, v1::Progress().SerializeAsString());
    seen.push_back(Receive(fd).value());
    Send(fd, FrameType::kReport, "report");
  });
  Client client(Controller());
  ASSERT_TRUE(client.SendEnvelope());
  EXPECT_EQ(client.Next()->want().manifest_offset(), 7u);
  EXPECT_TRUE(client.SendContent("one"));
  EXPECT_TRUE(client.SendContent(std::string(kMaxContentFrameBytes, 'x')));
  EXPECT_TRUE(client.Next()->has_progress());
  EXPECT_EQ(client.Next()->report_envelope(), "report");
  const grpc::Status status = client.Finish();
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_THAT(seen, testing::ElementsAre(
                        Frame{FrameType::kStage, "envelope"}, Frame{FrameType::kContent, "one"},
                        Frame{FrameType::kContent, std::string(kMaxContentFrameBytes, 'x')}));
}

TEST_F(StageCallTest, CarriesTheReasonOfAClientThatCannotGoOn) {
  StartWith([](int fd, const Frame&) {
    Send(fd, FrameType::kWant, Want(0));
    Send(fd, FrameType::kReport, "abandoned: " + Receive(fd).value().body);
  });
  Client client(Controller());
  ASSERT_TRUE(client.SendEnvelope());
  ASSERT_TRUE(client.Next());
  EXPECT_TRUE(client.SendAbandoned("a.tar changed"));
  EXPECT_EQ(client.Next()->report_envelope(), "abandoned: a.tar changed");
}

TEST_F(StageCallTest, TellsARefusalToAClientThatWaitsToBeAsked) {
  StartWith([](int fd, const Frame&) {
    Send(fd, FrameType::kError, EncodeError(absl::PermissionDeniedError("policy: no")));
  });
  Client client(Controller());
  ASSERT_TRUE(client.SendEnvelope());
  const grpc::Status status = client.Status();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(status.error_message(), "policy: no");
}

TEST_F(StageCallTest, TellsTheReportToAClientThatStillSends) {
  StartWith([](int fd, const Frame&) {
    Send(fd, FrameType::kWant, Want(0));
    (void)Receive(fd);
    Send(fd, FrameType::kReport, "the disk is full");
  });
  Client client(Controller());
  ASSERT_TRUE(client.SendEnvelope());
  ASSERT_TRUE(client.Next());
  std::thread sender([&] {
    while (client.SendContent(std::string(kMaxContentFrameBytes, 'x'))) {
    }
  });
  const auto response = client.Next();
  ASSERT_TRUE(response);
  EXPECT_EQ(response->report_envelope(), "the disk is full");
  EXPECT_FALSE(client.Next());
  sender.join();
  EXPECT_TRUE(client.Finish().ok());
}

TEST_F(StageCallTest, IsUnavailableWhenTheExecutorGoesAway) {
  StartWith([](int fd, const Frame&) { Send(fd, FrameType::kWant, Want(0)); });
  Client client(Controller());
  ASSERT_TRUE(client.SendEnvelope());
  const grpc::Status status = client.Status();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_THAT(status.error_message(), HasSubstr("send the same command again"));
}

TEST_F(StageCallTest, ClosesTheExecutorsConnectionWhenTheClientCancels) {
  absl::Notification closed;
  StartWith([&](int fd, const Frame&) {
    Send(fd, FrameType::kWant, Want(0));
    AwaitClose(fd);
    closed.Notify();
  });
  Client client(Controller());
  ASSERT_TRUE(client.SendEnvelope());
  ASSERT_TRUE(client.Next());
  client.Cancel();
  EXPECT_TRUE(closed.WaitForNotificationWithTimeout(absl::Seconds(10)));
  EXPECT_EQ(client.Status().error_code(), grpc::StatusCode::CANCELLED);
}

TEST_F(StageCallTest, TellsTheExecutorThatTheClientSendsNoMoreAndStillBringsItsReport) {
  StartWith([](int fd, const Frame&) {
    const bool ended = absl::IsUnavailable(Receive(fd).status());
    Send(fd, FrameType::kReport, ended ? "interrupted" : "?");
  });
  Client client(Controller());
  ASSERT_TRUE(client.SendEnvelope());
  client.EndSending();
  EXPECT_EQ(client.Next()->report_envelope(), "interrupted");
  EXPECT_TRUE(client.Status().ok());
}

TEST_F(StageCallTest, RefusesWhatIsOutOfTurnOrTooLarge) {
  StartWith([](int fd, const Frame&) { AwaitClose(fd); });
  {
    Client client(Controller());
    EXPECT_TRUE(client.SendContent("before the envelope"));
    EXPECT_EQ(client.Status().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  }
  {
    Client client(Controller());
    ASSERT_TRUE(client.SendEnvelope(std::string(kMaxEnvelopeBytes + 1, 'x')));
    EXPECT_EQ(client.Status().error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  }
  EXPECT_EQ(executor_->connections(), 0);
  for (const std::string& content : {std::string(), std::string(kMaxContentFrameBytes + 1, 'x')}) {
    Client client(Controller());
    ASSERT_TRUE(client.SendEnvelope());
    client.SendContent(content);
    EXPECT_EQ(client.Status().error_code(), grpc::StatusCode::INVALID_ARGUMENT) << content.size();
  }
  Client client(Controller());
  ASSERT_TRUE(client.SendEnvelope());
  client.SendEnvelope();
  EXPECT_EQ(client.Status().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(StageCallTest, LetsNobodyStageWhoIsNoController) {
  StartWith([](int, const Frame&) {});
  const Pem node = Issue({.uris = {"bpa://c/node/node-2"}, .usage = "clientAuth"}, &authority_);
  Client client(v1::AgentService::NewStub(Dial(&node)));
  EXPECT_EQ(client.Status().error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(executor_->connections(), 0);
}

TEST_F(StageCallTest, StopsTheClientWhileTheExecutorDoesNotRead) {
  absl::Notification release;
  std::atomic<size_t> received = 0;
  StartWith([&](int fd, const Frame&) {
    Send(fd, FrameType::kWant, Want(0));
    release.WaitForNotification();
    absl::StatusOr<Frame> frame;
    while ((frame = Receive(fd)).ok()) received += frame->body.size();
    Send(fd, FrameType::kReport, "report");
  });
  Client client(Controller());
  ASSERT_TRUE(client.SendEnvelope());
  ASSERT_TRUE(client.Next());
  constexpr size_t kPieces = 256;
  std::atomic<size_t> sent = 0;
  std::thread sender([&] {
    const std::string piece(kMaxContentFrameBytes, 'x');
    while (sent < kPieces && client.SendContent(piece)) ++sent;
    client.EndSending();
  });
  // Until it has not moved for a while.
  size_t stopped_at = 0;
  do {
    stopped_at = sent;
    absl::SleepFor(absl::Milliseconds(300));
  } while (sent != stopped_at);
  // The stream's window, and what the sockets between take.
  EXPECT_LT(stopped_at * kMaxContentFrameBytes, size_t{16} * 1024 * 1024);
  release.Notify();
  EXPECT_EQ(client.Next()->report_envelope(), "report");
  sender.join();
  EXPECT_EQ(received, kPieces * kMaxContentFrameBytes);
}

TEST_F(StageCallTest, SharesTheBoundOnRequestsUnderWay) {
  absl::Notification release;
  StartWith([&](int fd, const Frame&) {
    Send(fd, FrameType::kWant, Want(0));
    release.WaitForNotification();
    Send(fd, FrameType::kReport, "report");
  });
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < kMaxConcurrentRelays; ++i) {
    clients.push_back(std::make_unique<Client>(Controller()));
    ASSERT_TRUE(clients.back()->SendEnvelope());
    ASSERT_TRUE(clients.back()->Next());
  }
  EXPECT_EQ(Execute("envelope").error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  {
    Client client(Controller());
    client.SendEnvelope();
    EXPECT_EQ(client.Status().error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  }
  release.Notify();
  for (auto& client : clients) EXPECT_TRUE(client->Status().ok());
  EXPECT_TRUE(Execute("envelope").error_code() != grpc::StatusCode::RESOURCE_EXHAUSTED);
}

TEST_F(StageCallTest, EndsWhenTheExecutorSaysNothingForTooLong) {
  config_.command_timeout = absl::Milliseconds(300);
  StartWith([](int fd, const Frame&) { AwaitClose(fd); });
  Client client(Controller());
  ASSERT_TRUE(client.SendEnvelope());
  EXPECT_EQ(client.Status().error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
}

TEST_F(StageCallTest, StopsWithinFiveSecondsThoughSomebodyStages) {
  StartWith([](int fd, const Frame&) {
    Send(fd, FrameType::kWant, Want(0));
    AwaitClose(fd);
  });
  Client client(Controller());
  ASSERT_TRUE(client.SendEnvelope());
  ASSERT_TRUE(client.Next());
  EXPECT_LT(StopServer(), absl::Seconds(5));
  EXPECT_FALSE(client.Status().ok());
}

}  // namespace
}  // namespace bpa::gateway
