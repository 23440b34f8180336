// What a controller can ask, over real gRPC.
#include "agent/gateway/service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "tests/agent/gateway/running_server.h"

namespace bpa::gateway {
namespace {

using grpc::health::v1::HealthCheckResponse;
using testing::HasSubstr;

constexpr char kCommandId[] = "01890a5d-ac96-774b-bcce-b302099a8057";

class ServiceTest : public ServerFixture {
 protected:
  void StartWith(StandInExecutor::Handler handler) {
    executor_.emplace(config_.executor_socket, std::move(handler));
    StartServer();
  }

  grpc::Status GetReport(const std::string& id, std::string* report) const {
    grpc::ClientContext context;
    v1::GetReportRequest request;
    request.set_command_id(id);
    v1::GetReportResponse response;
    grpc::Status status = Controller()->GetReport(&context, request, &response);
    *report = response.report_envelope();
    return status;
  }

  grpc::Status GetAudit(uint64_t first, const std::string& nonce, std::vector<uint64_t>* sequences,
                        std::string* head) const {
    grpc::ClientContext context;
    v1::GetAuditRequest request;
    request.set_first_sequence(first);
    request.set_nonce(nonce);
    const auto stub = Controller();
    const auto reader = stub->GetAudit(&context, request);
    v1::GetAuditResponse response;
    while (reader->Read(&response)) {
      for (const v1::AuditEntry& entry : response.page().entries()) {
        sequences->push_back(entry.sequence());
      }
      if (response.has_head_envelope()) *head = response.head_envelope();
    }
    return reader->Finish();
  }

  grpc::Status Health(const std::string& service, HealthCheckResponse* response) const {
    grpc::ClientContext context;
    grpc::health::v1::HealthCheckRequest request;
    request.set_service(service);
    return grpc::health::v1::Health::NewStub(Dial(&controller_))
        ->Check(&context, request, response);
  }

  std::optional<StandInExecutor> executor_;
};

TEST_F(ServiceTest, RelaysProgressAndReport) {
  v1::Progress progress;
  progress.set_name("/opt");
  StartWith([&](int fd, const Frame& request) {
    Send(fd, FrameType::kProgress, progress.SerializeAsString());
    Send(fd, FrameType::kProgress, "\xff not a message");
    Send(fd, FrameType::kReport, "report of " + request.body);
  });
  std::string report;
  int count = 0;
  const grpc::Status status = Execute("envelope", &report, &count);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(report, "report of envelope");
  EXPECT_EQ(count, 1);
}

// Both are advisory: nothing that the executor says of a command keeps its report from the client.
TEST_F(ServiceTest, KeepsHowACommandEndedToItself) {
  v1::Ended ended;
  ended.set_mode(v1::MODE_APPLY);
  ended.set_outcome(v1::OUTCOME_SUCCEEDED);
  StartWith([&](int fd, const Frame&) {
    Send(fd, FrameType::kEnded, ended.SerializeAsString());
    Send(fd, FrameType::kEnded, "\xff not a message");
    Send(fd, FrameType::kReport, "report");
  });
  std::string report;
  int count = 0;
  ASSERT_TRUE(Execute("envelope", &report, &count).ok());
  EXPECT_EQ(report, "report");
  EXPECT_EQ(count, 0);
}

TEST_F(ServiceTest, TellsTheExecutorsRefusal) {
  StartWith([](int fd, const Frame&) {
    Send(fd, FrameType::kError, EncodeError(absl::UnauthenticatedError("no trusted key signed")));
  });
  const grpc::Status status = Execute("envelope");
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(status.error_message(), "no trusted key signed");
}

TEST_F(ServiceTest, IsUnavailableWithoutAnExecutor) {
  StartServer();
  const grpc::Status status = Execute("envelope");
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_THAT(status.error_message(), HasSubstr("bpa-executor.socket"));
}

TEST_F(ServiceTest, TakesTheLargestEnvelopeAndNothingLarger) {
  StartWith([](int fd, const Frame& request) { Send(fd, FrameType::kReport, request.body); });
  EXPECT_TRUE(Execute(std::string(kMaxEnvelopeBytes, 'x')).ok());
  EXPECT_EQ(executor_->connections(), 1);
  EXPECT_EQ(Execute(std::string(kMaxEnvelopeBytes + 1, 'x')).error_code(),
            grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(Execute(std::string(size_t{4} * 1024 * 1024, 'x')).error_code(),
            grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(Execute("").error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(executor_->connections(), 1);
}

TEST_F(ServiceTest, FetchesAStoredReport) {
  StartWith([](int fd, const Frame& request) {
    EXPECT_EQ(request.type, FrameType::kGetReport);
    Send(fd, FrameType::kReport, "stored " + request.body);
  });
  std::string report;
  ASSERT_TRUE(GetReport(kCommandId, &report).ok());
  EXPECT_EQ(report, std::string("stored ") + kCommandId);
}

TEST_F(ServiceTest, RelaysTheAuditRecordPageByPageAndThenItsHead) {
  const std::string nonce(kNonceBytes, 'n');
  StartWith([&](int fd, const Frame& request) {
    EXPECT_EQ(request.type, FrameType::kGetAudit);
    const auto asked = DecodeAuditRequest(request.body);
    ASSERT_TRUE(asked.ok());
    EXPECT_EQ(asked->first_sequence, 7u);
    EXPECT_EQ(asked->nonce, nonce);
    v1::AuditPage page;
    page.add_entries()->set_sequence(7);
    Send(fd, FrameType::kAudit, page.SerializeAsString());
    page.mutable_entries(0)->set_sequence(8);
    Send(fd, FrameType::kAudit, page.SerializeAsString());
    Send(fd, FrameType::kReport, "head");
  });
  std::vector<uint64_t> sequences;
  std::string head;
  EXPECT_TRUE(GetAudit(7, nonce, &sequences, &head).ok());
  EXPECT_THAT(sequences, testing::ElementsAre(7, 8));
  EXPECT_EQ(head, "head");
}

TEST_F(ServiceTest, RefusesARequestForTheAuditRecordWithoutItsNonce) {
  StartWith([](int fd, const Frame&) { Send(fd, FrameType::kReport, "head"); });
  std::vector<uint64_t> sequences;
  std::string head;
  EXPECT_EQ(GetAudit(1, "", &sequences, &head).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(GetAudit(1, std::string(33, 'n'), &sequences, &head).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(executor_->connections(), 0);
}

TEST_F(ServiceTest, TellsAnExecutorsUnreadablePageAndItsRefusal) {
  std::atomic<int> calls = 0;
  StartWith([&](int fd, const Frame&) {
    if (calls++ == 0) Send(fd, FrameType::kAudit, "\xff no page");
    Send(fd, FrameType::kError, EncodeError(absl::AbortedError("ask again")));
  });
  const std::string nonce(kNonceBytes, 'n');
  std::vector<uint64_t> sequences;
  std::string head;
  EXPECT_EQ(GetAudit(1, nonce, &sequences, &head).error_code(), grpc::StatusCode::INTERNAL);
  EXPECT_EQ(GetAudit(1, nonce, &sequences, &head).error_code(), grpc::StatusCode::ABORTED);
}

TEST_F(ServiceTest, RefusesWhatIsNoCommandId) {
  StartWith([](int fd, const Frame&) { Send(fd, FrameType::kReport, "report"); });
  std::string report;
  for (const std::string& id : {std::string(), std::string(36, '/'), std::string(37, 'a')}) {
    EXPECT_EQ(GetReport(id, &report).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  }
  EXPECT_EQ(executor_->connections(), 0);
}

TEST_F(ServiceTest, BoundsTheRequestsUnderWay) {
  absl::BlockingCounter busy(kMaxConcurrentRelays);
  absl::Notification release;
  StartWith([&](int fd, const Frame&) {
    busy.DecrementCount();
    release.WaitForNotification();
    Send(fd, FrameType::kReport, "report");
  });
  std::vector<std::thread> callers;
  callers.reserve(kMaxConcurrentRelays);
  std::atomic<int> reported = 0;
  for (int i = 0; i < kMaxConcurrentRelays; ++i) {
    callers.emplace_back([&] { reported += Execute("envelope").ok() ? 1 : 0; });
  }
  busy.Wait();
  EXPECT_EQ(Execute("envelope").error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  std::string report;
  EXPECT_EQ(GetReport(kCommandId, &report).error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_TRUE(Describe(Dial(&controller_)).ok());
  release.Notify();
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(reported, kMaxConcurrentRelays);
}

TEST_F(ServiceTest, ClosesTheRelayWhenTheClientCancels) {
  grpc::ClientContext context;
  absl::Notification closed;
  StartWith([&](int fd, const Frame&) {
    context.TryCancel();
    AwaitClose(fd);
    closed.Notify();
  });
  v1::ExecuteRequest request;
  request.set_envelope("envelope");
  const auto stub = Controller();
  const auto reader = stub->Execute(&context, request);
  v1::ExecuteResponse response;
  EXPECT_FALSE(reader->Read(&response));
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
  EXPECT_TRUE(closed.WaitForNotificationWithTimeout(absl::Seconds(10)));
}

TEST_F(ServiceTest, EndsAtItsOwnDeadlineThoughTheClientHasNone) {
  config_.command_timeout = absl::Seconds(1);
  StartWith([](int fd, const Frame&) { AwaitClose(fd); });
  const grpc::Status status = Execute("envelope");
  EXPECT_EQ(status.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_THAT(status.error_message(), HasSubstr("send the same command again"));
}

TEST_F(ServiceTest, StopsWithinFiveSecondsThoughACommandIsUnderWay) {
  absl::Notification begun;
  StartWith([&](int fd, const Frame&) {
    begun.Notify();
    AwaitClose(fd);
  });
  grpc::Status status;
  std::thread caller([&] { status = Execute("envelope"); });
  begun.WaitForNotification();
  EXPECT_LT(StopServer(), absl::Seconds(5));
  caller.join();
  EXPECT_FALSE(status.ok());
}

TEST_F(ServiceTest, LetsARequestEndBeforeItStops) {
  absl::Notification begun;
  absl::Notification release;
  StartWith([&](int fd, const Frame&) {
    begun.Notify();
    release.WaitForNotification();
    Send(fd, FrameType::kReport, "report");
  });
  grpc::Status status;
  std::thread caller([&] { status = Execute("envelope"); });
  begun.WaitForNotification();
  std::thread stopper([&] { StopServer(); });
  release.Notify();
  caller.join();
  stopper.join();
  EXPECT_TRUE(status.ok()) << status.error_message();
}

TEST_F(ServiceTest, IsHealthyWhileTheExecutorsSocketExists) {
  StartServer();
  HealthCheckResponse response;
  for (const char* service : {"", "bpa.v1.AgentService"}) {
    ASSERT_TRUE(Health(service, &response).ok());
    EXPECT_EQ(response.status(), HealthCheckResponse::NOT_SERVING);
  }
  executor_.emplace(config_.executor_socket, [](int, const Frame&) {});
  for (const char* service : {"", "bpa.v1.AgentService"}) {
    ASSERT_TRUE(Health(service, &response).ok());
    EXPECT_EQ(response.status(), HealthCheckResponse::SERVING);
  }
  EXPECT_EQ(executor_->connections(), 0);
  ASSERT_TRUE(Health("grpc.health.v1.Health", &response).ok());
  EXPECT_EQ(response.status(), HealthCheckResponse::SERVING) << "this service itself";
  EXPECT_EQ(Health("bpa.v1.Other", &response).error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(ServiceTest, TellsHealthWatchersToAskInstead) {
  StartServer();
  grpc::ClientContext context;
  const auto stub = grpc::health::v1::Health::NewStub(Dial(&controller_));
  const auto reader = stub->Watch(&context, {});
  HealthCheckResponse response;
  EXPECT_FALSE(reader->Read(&response));
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::UNIMPLEMENTED);
}

}  // namespace
}  // namespace bpa::gateway
