#include "agent/gateway/relay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "tests/agent/gateway/scratch.h"
#include "tests/agent/gateway/stand_in_executor.h"

namespace bpa::gateway {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class RelayTest : public testing::Test {
 protected:
  void Executor(StandInExecutor::Handler handler, bool reads_request = true) {
    executor_ = std::make_unique<StandInExecutor>(socket_, std::move(handler), reads_request);
  }

  RelayOptions Options(absl::Duration timeout = absl::Seconds(20)) {
    return {.deadline = absl::Now() + timeout,
            .cancelled = [this] { return cancelled_.load(); },
            .on_progress =
                [this](const std::string& body) {
                  progress_.push_back(body);
                  return !client_gone_;
                }};
  }

  absl::StatusOr<std::string> Execute(const std::string& envelope = "envelope") {
    return Relay(socket_, traffic_).Run({.type = FrameType::kExecute, .body = envelope}, Options());
  }

  Traffic traffic_;
  Scratch scratch_;
  const std::string socket_ = scratch_.Path("executor.sock");
  std::unique_ptr<StandInExecutor> executor_;
  std::vector<std::string> progress_;
  std::atomic<bool> cancelled_ = false;
  bool client_gone_ = false;
};

TEST_F(RelayTest, PassesTheEnvelopeOnAsItIsAndReturnsTheReport) {
  std::string seen;
  Executor([&](int fd, const Frame& request) {
    seen = request.body;
    Send(fd, FrameType::kProgress, "one");
    Send(fd, FrameType::kProgress, "two");
    Send(fd, FrameType::kReport, "report");
  });
  const auto report = Execute(std::string("\0any\xff", 5));
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(*report, "report");
  EXPECT_THAT(progress_, ElementsAre("one", "two"));
  executor_.reset();
  EXPECT_EQ(seen, std::string("\0any\xff", 5));
}

TEST_F(RelayTest, CarriesTheLargestEnvelopeBothWays) {
  const std::string large(kMaxEnvelopeBytes, 'x');
  Executor([&](int fd, const Frame& request) { Send(fd, FrameType::kReport, request.body); });
  const auto report = Execute(large);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(*report, large);
}

TEST_F(RelayTest, ReturnsTheExecutorsRefusalAsItIs) {
  Executor([](int fd, const Frame&) {
    Send(fd, FrameType::kError, EncodeError(absl::PermissionDeniedError("policy.allow: no")));
  });
  EXPECT_EQ(Execute().status(), absl::PermissionDeniedError("policy.allow: no"));
}

TEST_F(RelayTest, ReturnsARefusalThatCameBeforeTheRequestWasRead) {
  Executor(
      [](int fd, const Frame&) {
        Send(fd, FrameType::kError, EncodeError(absl::ResourceExhaustedError("too many")));
      },
      /*reads_request=*/false);
  // Larger than the socket's buffer: the write fails when the executor closes.
  EXPECT_EQ(Execute(std::string(kMaxEnvelopeBytes, 'x')).status().code(),
            absl::StatusCode::kResourceExhausted);
}

TEST_F(RelayTest, NamesTheSocketUnitWhenThereIsNoSocket) {
  const absl::Status status = Execute().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()),
              testing::AllOf(HasSubstr(socket_), HasSubstr("bpa-executor.socket")));
}

TEST_F(RelayTest, NamesTheSocketUnitWhenNobodyListens) {
  Executor([](int, const Frame&) {});
  executor_.reset();
  const absl::Status status = Execute().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("bpa-executor.socket"));
}

TEST_F(RelayTest, DoesNotWaitForAFullQueue) {
  const int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  socket_.copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(listen(listener, 0), 0);
  const int waiting = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_EQ(connect(waiting, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  const absl::Status status = Execute().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("queue full"));
  close(waiting);
  close(listener);
}

// --- The executor goes away.

struct Cut {
  const char* name;
  // What it sends before it closes.
  std::string bytes;
};

class RelayCutTest : public RelayTest, public testing::WithParamInterface<Cut> {};

TEST_P(RelayCutTest, IsUnavailableAndSaysToSendAgain) {
  Executor([](int fd, const Frame&) {
    const std::string& bytes = GetParam().bytes;
    (void)send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  });
  const absl::Status status = Execute().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("send the same command again"));
}

const std::string& ReportFrame() {
  static const auto& frame =
      *new std::string(EncodeFrame({.type = FrameType::kReport, .body = "report"}));
  return frame;
}

INSTANTIATE_TEST_SUITE_P(
    AtEveryStage, RelayCutTest,
    testing::Values(Cut{"BeforeAnything", ""}, Cut{"WithinTheHeader", ReportFrame().substr(0, 5)},
                    Cut{"AfterTheHeader", ReportFrame().substr(0, kFrameHeaderBytes)},
                    Cut{"WithinTheBody", ReportFrame().substr(0, ReportFrame().size() - 1)},
                    Cut{"AfterProgress",
                        EncodeFrame({.type = FrameType::kProgress, .body = "progress"})}),
    [](const auto& tested) { return tested.param.name; });

TEST_F(RelayTest, IsUnavailableWhenTheExecutorClosesWithoutReading) {
  Executor([](int, const Frame&) {}, /*reads_request=*/false);
  EXPECT_EQ(Execute().status().code(), absl::StatusCode::kUnavailable);
}

// --- The executor does not speak the protocol.

class RelayNonsenseTest : public RelayTest, public testing::WithParamInterface<Cut> {};

TEST_P(RelayNonsenseTest, IsAnInternalError) {
  Executor([](int fd, const Frame&) {
    const std::string& bytes = GetParam().bytes;
    (void)send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    AwaitClose(fd);
  });
  EXPECT_EQ(Execute().status().code(), absl::StatusCode::kInternal);
}

std::string Oversized() {
  std::string header = EncodeFrame({.type = FrameType::kReport, .body = ""});
  header.replace(8, 4, "\xff\xff\xff\xff");
  return header;
}

INSTANTIATE_TEST_SUITE_P(
    Anything, RelayNonsenseTest,
    testing::Values(Cut{"AnotherMagic", "HTTP/1.1 400"}, Cut{"AnOversizedFrame", Oversized()},
                    Cut{"ARequest", EncodeFrame({.type = FrameType::kExecute, .body = "x"})},
                    Cut{"AnErrorWithoutACode",
                        EncodeFrame({.type = FrameType::kError, .body = ""})},
                    Cut{"AnErrorOfCodeOk",
                        EncodeFrame({.type = FrameType::kError, .body = std::string(1, '\0')})}),
    [](const auto& tested) { return tested.param.name; });

TEST_F(RelayTest, RefusesProgressWhereNoneIsExpected) {
  Executor([](int fd, const Frame&) { Send(fd, FrameType::kProgress, "progress"); });
  const auto report = Relay(socket_, traffic_)
                          .Run({.type = FrameType::kGetReport, .body = "id"},
                               {.deadline = absl::Now() + absl::Seconds(20),
                                .cancelled = nullptr,
                                .on_progress = nullptr});
  EXPECT_EQ(report.status().code(), absl::StatusCode::kInternal);
}

// --- Time.

TEST_F(RelayTest, EndsAtItsDeadlineThoughTheExecutorIsSilent) {
  Executor([](int fd, const Frame&) { AwaitClose(fd); });
  const auto report =
      Relay(socket_, traffic_)
          .Run({.type = FrameType::kExecute, .body = "envelope"}, Options(absl::Milliseconds(50)));
  EXPECT_EQ(report.status().code(), absl::StatusCode::kDeadlineExceeded);
}

TEST_F(RelayTest, EndsAtItsDeadlineWithinAFrame) {
  Executor([](int fd, const Frame&) {
    (void)send(fd, ReportFrame().data(), 3, MSG_NOSIGNAL);
    AwaitClose(fd);
  });
  const auto report =
      Relay(socket_, traffic_)
          .Run({.type = FrameType::kExecute, .body = "envelope"}, Options(absl::Milliseconds(50)));
  EXPECT_EQ(report.status().code(), absl::StatusCode::kDeadlineExceeded);
}

TEST_F(RelayTest, ClosesTheConnectionWhenTheClientCancels) {
  std::atomic<bool> closed = false;
  Executor([&](int fd, const Frame&) {
    cancelled_ = true;
    AwaitClose(fd);
    closed = true;
  });
  EXPECT_EQ(Execute().status().code(), absl::StatusCode::kCancelled);
  executor_.reset();
  EXPECT_TRUE(closed);
}

TEST_F(RelayTest, EndsWhenNobodyTakesTheProgress) {
  client_gone_ = true;
  Executor([](int fd, const Frame&) {
    Send(fd, FrameType::kProgress, "one");
    AwaitClose(fd);
  });
  EXPECT_EQ(Execute().status().code(), absl::StatusCode::kCancelled);
  EXPECT_THAT(progress_, ElementsAre("one"));
}

TEST_F(RelayTest, SeesWhetherTheSocketExists) {
  EXPECT_FALSE(Relay(socket_, traffic_).ExecutorSocketExists());
  EXPECT_FALSE(Relay(scratch_.Write("file", ""), traffic_).ExecutorSocketExists());
  Executor([](int, const Frame&) {});
  EXPECT_TRUE(Relay(socket_, traffic_).ExecutorSocketExists());
  EXPECT_EQ(executor_->connections(), 0);
}

TEST_F(RelayTest, CountsWhetherTheExecutorWasReachedAndTellsWhenACommandLeft) {
  int left = 0;
  traffic_.OnCommandLeft([&left] { ++left; });
  EXPECT_TRUE(traffic_.reached()) << "nothing has been tried yet";
  EXPECT_FALSE(Execute().ok());
  EXPECT_FALSE(traffic_.reached());
  EXPECT_EQ(left, 0) << "it never came there";
  Executor([](int fd, const Frame&) { Send(fd, FrameType::kReport, "report"); });
  EXPECT_TRUE(Execute().ok());
  EXPECT_TRUE(traffic_.reached());
  EXPECT_EQ(left, 1);
  EXPECT_TRUE(
      Relay(socket_, traffic_).Run({.type = FrameType::kGetReport, .body = "id"}, Options()).ok());
  EXPECT_EQ(left, 1) << "asking for a report changes nothing";
}

TEST_F(RelayTest, ReturnsTheAnswerThatWasAskedForAndNoOther) {
  Executor([](int fd, const Frame&) { Send(fd, FrameType::kStatus, "status"); });
  RelayOptions options = Options();
  EXPECT_FALSE(
      Relay(socket_, traffic_).Run({.type = FrameType::kObserve, .body = ""}, options).ok());
  options.answer = FrameType::kStatus;
  EXPECT_EQ(
      Relay(socket_, traffic_).Run({.type = FrameType::kObserve, .body = ""}, options).value(),
      "status");
}

}  // namespace
}  // namespace bpa::gateway
