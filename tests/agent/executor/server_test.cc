#include "agent/executor/server.h"

#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "agent/executor/node_identity.h"
#include "gtest/gtest.h"
#include "proto/frame.h"
#include "proto/journal_sink.h"
#include "spdlog/sinks/ostream_sink.h"
#include "tests/agent/executor/node.h"
#include "tests/journal_receiver.h"

namespace bpa::executor {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(20);

// A connected socket that closes itself.
class Peer {
 public:
  explicit Peer(const std::string& path) : fd_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    EXPECT_EQ(connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }
  ~Peer() { Close(); }
  void Close() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }
  absl::Status Send(FrameType type, const std::string& body) {
    return WriteFrame(fd_, {.type = type, .body = body}, absl::Now() + kPatience);
  }
  void SendRaw(const std::string& bytes) {
    EXPECT_EQ(send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }
  // The report, or what the executor refused with.
  absl::StatusOr<std::string> Answer() {
    while (true) {
      absl::StatusOr<Frame> frame = ReadFrame(fd_, absl::Now() + kPatience);
      if (!frame.ok()) return frame.status();
      if (frame->type == FrameType::kReport || frame->type == FrameType::kStatus) {
        return frame->body;
      }
      if (frame->type == FrameType::kProgress) {
        ++progress_;
        continue;
      }
      if (frame->type == FrameType::kEnded) {
        EXPECT_TRUE(ended_.emplace().ParseFromString(frame->body));
        continue;
      }
      absl::Status refusal;
      EXPECT_THAT(DecodeError(frame->body, &refusal), IsOk());
      return refusal;
    }
  }
  // Until the executor has said something.
  void AwaitProgress() {
    const absl::StatusOr<Frame> frame = ReadFrame(fd_, absl::Now() + kPatience);
    ASSERT_THAT(frame, IsOk());
    EXPECT_EQ(frame->type, FrameType::kProgress);
  }
  int progress() const { return progress_; }
  // How the command ended, once answered.
  const std::optional<v1::Ended>& ended() const { return ended_; }
  int fd() const { return fd_; }

 private:
  int fd_;
  int progress_ = 0;
  std::optional<v1::Ended> ended_;
};

class ServerTest : public NodeTest {
 protected:
  ServerTest() : path_(directory_ / "executor.sock") {
    listener_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, sizeof address.sun_path - 1);
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(listen(listener_, 32), 0);
    options_.gateway = geteuid();
    options_.idle_timeout = absl::Seconds(60);
  }
  ~ServerTest() override {
    StopServer();
    close(listener_);
    close(stop_);
  }
  void StartServer() {
    server_ =
        std::make_unique<Server>(listener_, stop_, Handlers{*executor_, identity_}, options_, log_);
    thread_ = std::thread([this] {
      ended_with_ = server_->Run();
      ended_.Notify();
    });
  }
  void StopServer() {
    if (!thread_.joinable()) return;
    eventfd_write(stop_, 1);
    thread_.join();
    server_.reset();
  }
  absl::StatusOr<std::string> Ask(FrameType type, const std::string& body) {
    Peer peer(path_);
    const absl::Status sent = peer.Send(type, body);
    // As the gateway does: who refuses without reading everything has said why before it closed.
    if (!sent.ok() && !absl::IsUnavailable(sent)) return sent;
    return peer.Answer();
  }

  const std::string path_;
  int listener_ = -1;
  const int stop_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  ServerOptions options_;
  NodeIdentity identity_{config_, absl::Now};
  std::ostringstream log_text_;  // read after StopServer only
  spdlog::logger log_{"test", std::make_shared<spdlog::sinks::ostream_sink_mt>(log_text_)};
  std::unique_ptr<Server> server_;
  std::thread thread_;
  absl::Notification ended_;
  absl::Status ended_with_;
};

TEST_F(ServerTest, AnswersACommandWithProgressAndASignedReport) {
  StartServer();
  Peer peer(path_);
  ASSERT_THAT(peer.Send(FrameType::kExecute, Sign(NewCommand(1))), IsOk());
  const absl::StatusOr<std::string> report = peer.Answer();
  ASSERT_THAT(report, IsOk());
  EXPECT_EQ(Open(*report).outcome(), v1::OUTCOME_SUCCEEDED);
  EXPECT_EQ(peer.progress(), 4);
  EXPECT_EQ(peer.ended()->outcome(), v1::OUTCOME_SUCCEEDED);
  EXPECT_EQ(Ask(FrameType::kGetReport, TestId(1)).value(), *report);
  StopServer();
  EXPECT_THAT(log_text_.str(), ::testing::HasSubstr("command=" + TestId(1) +
                                                    " mode=apply operator=alice@bastion "
                                                    "signers=alice took_ms="));
}

TEST_F(ServerTest, PassesRefusalsOnAndLogsThemOnOneLine) {
  StartServer();
  v1::Command command = NewCommand(1);
  command.set_cluster("other");
  EXPECT_THAT(Ask(FrameType::kExecute, Sign(command)),
              StatusIs(absl::StatusCode::kFailedPrecondition, "for cluster 'other'"));
  EXPECT_THAT(Ask(FrameType::kGetReport, "a\nb"),
              StatusIs(absl::StatusCode::kInvalidArgument, "not a command id"));
  EXPECT_THAT(Ask(FrameType::kReport, "x"),
              StatusIs(absl::StatusCode::kInvalidArgument, "not a request"));
  EXPECT_TRUE(machine_.values().empty());
  StopServer();
  const std::string text = log_text_.str();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 3);
}

TEST_F(ServerTest, SaysHowACommandEndedBeforeItAnswers) {
  StartServer();
  v1::Command command = NewCommand(1);
  command.set_cluster("other");
  Peer refused(path_);
  ASSERT_THAT(refused.Send(FrameType::kExecute, Sign(command)), IsOk());
  EXPECT_FALSE(refused.Answer().ok());
  EXPECT_EQ(refused.ended()->refusal(), v1::REFUSAL_REASON_TARGET);
  Peer asking(path_);
  ASSERT_THAT(asking.Send(FrameType::kGetReport, TestId(1)), IsOk());
  EXPECT_FALSE(asking.Answer().ok());
  EXPECT_FALSE(asking.ended().has_value()) << "nothing ends by being asked about";
}

TEST_F(ServerTest, SendsTheAuditRecordInPagesAndThenItsHead) {
  StartServer();
  ASSERT_THAT(Ask(FrameType::kExecute, Sign(NewCommand(1))), IsOk());
  Peer peer(path_);
  ASSERT_THAT(peer.Send(FrameType::kGetAudit,
                        EncodeAuditRequest({.first_sequence = 1, .nonce = std::string(32, 'n')})),
              IsOk());
  const absl::StatusOr<Frame> first = ReadFrame(peer.fd(), absl::Now() + kPatience);
  ASSERT_THAT(first, IsOk());
  EXPECT_EQ(first->type, FrameType::kAudit);
  v1::AuditPage page;
  ASSERT_TRUE(page.ParseFromString(first->body));
  EXPECT_EQ(page.entries_size(), 2);
  const absl::StatusOr<Frame> last = ReadFrame(peer.fd(), absl::Now() + kPatience);
  ASSERT_THAT(last, IsOk());
  EXPECT_EQ(last->type, FrameType::kReport);
  EXPECT_EQ(DecodeEnvelope(last->body)->payload_type, kAuditHeadPayloadType);
}

TEST_F(ServerTest, TellsTheJournalOfACommandInFieldsThatNobodyForges) {
  const testing::JournalReceiver journal(directory_ / "journal");
  log_.sinks() = {std::make_shared<JournalSink>(
      LogOrigin{.program = "bpa-executor", .node = "node-1"}, journal.path())};
  StartServer();
  v1::Command hostile = NewCommand(2);
  hostile.set_operator_name("eve\nBPA_RESULT=succeeded");
  EXPECT_FALSE(Ask(FrameType::kExecute, Sign(hostile)).ok());
  ASSERT_THAT(Ask(FrameType::kExecute, Sign(NewCommand(1))), IsOk());
  StopServer();
  auto fields = journal.Next();
  EXPECT_EQ(fields.at("BPA_RESULT"), "refused");
  EXPECT_EQ(fields.at("BPA_REFUSAL"), "malformed");
  EXPECT_EQ(fields.at("MESSAGE").find('\n'), std::string::npos);
  fields = journal.Next();
  EXPECT_EQ(fields.at("BPA_COMMAND_ID"), TestId(1));
  EXPECT_EQ(fields.at("BPA_OPERATOR"), "alice@bastion");
  EXPECT_EQ(fields.at("BPA_SIGNERS"), "alice");
  EXPECT_EQ(fields.at("BPA_MODE"), "apply");
  EXPECT_EQ(fields.at("BPA_NODE"), "node-1");
  EXPECT_EQ(fields.at("BPA_RESULT"), "succeeded");
  EXPECT_THAT(fields.at("MESSAGE"), ::testing::HasSubstr("operator=alice@bastion signers=alice "));
  EXPECT_TRUE(journal.Next().empty());
}

TEST_F(ServerTest, RefusesAPeerThatIsNotTheGatewayWithoutReadingIt) {
  options_.gateway = geteuid() + 1;
  StartServer();
  EXPECT_THAT(Ask(FrameType::kExecute, Sign(NewCommand(1))),
              StatusIs(absl::StatusCode::kPermissionDenied, "may not talk to the executor"));
  EXPECT_TRUE(machine_.values().empty());
}

TEST_F(ServerTest, RefusesMalformedAndOversizedFrames) {
  StartServer();
  {
    Peer peer(path_);
    peer.SendRaw(std::string(kFrameHeaderBytes, 'x'));
    EXPECT_THAT(peer.Answer(), StatusIs(absl::StatusCode::kInvalidArgument, ""));
  }
  std::string header =
      EncodeFrame({.type = FrameType::kExecute, .body = ""}).substr(0, kFrameHeaderBytes);
  header.replace(kFrameHeaderBytes - 4, 4, "\xff\xff\xff\xff");
  Peer peer(path_);
  peer.SendRaw(header);
  EXPECT_THAT(peer.Answer(), StatusIs(absl::StatusCode::kInvalidArgument, ""));
}

TEST_F(ServerTest, DoesNotWaitForASlowPeerForEver) {
  options_.limits.read = absl::Milliseconds(50);
  StartServer();
  Peer peer(path_);
  peer.SendRaw("B");
  EXPECT_THAT(peer.Answer(), StatusIs(absl::StatusCode::kDeadlineExceeded, ""));
}

TEST_F(ServerTest, CarriesOnWhenThePeerGoesAway) {
  absl::Notification gone;
  machine_.before_set = [&](const std::string& name) {
    if (name == "vm.a") gone.WaitForNotification();
  };
  StartServer();
  const std::string envelope = Sign(NewCommand(1));
  Peer peer(path_);
  ASSERT_THAT(peer.Send(FrameType::kExecute, envelope), IsOk());
  peer.AwaitProgress();
  peer.Close();
  gone.Notify();
  // The same bytes attach to what runs or find the stored report.
  const absl::StatusOr<std::string> report = Ask(FrameType::kExecute, envelope);
  ASSERT_THAT(report, IsOk());
  EXPECT_EQ(Open(*report).outcome(), v1::OUTCOME_SUCCEEDED);
  EXPECT_EQ(machine_.Get("vm.b"), "2");
}

TEST_F(ServerTest, TellsOneConnectionTooManyThatItIsFull) {
  StartServer();
  std::vector<std::unique_ptr<Peer>> peers;
  for (size_t i = 0; i < kMaxConnections; ++i) peers.push_back(std::make_unique<Peer>(path_));
  EXPECT_THAT(Ask(FrameType::kGetReport, TestId(1)),
              StatusIs(absl::StatusCode::kResourceExhausted, "serves 9 connections already"));
  ASSERT_THAT(peers[0]->Send(FrameType::kGetReport, TestId(1)), IsOk());
  EXPECT_THAT(peers[0]->Answer(), StatusIs(absl::StatusCode::kNotFound, ""));
}

TEST_F(ServerTest, LeavesWhenIdle) {
  options_.idle_timeout = absl::Milliseconds(50);
  StartServer();
  EXPECT_TRUE(ended_.WaitForNotificationWithTimeout(kPatience));
  thread_.join();
  EXPECT_THAT(ended_with_, IsOk());
}

TEST_F(ServerTest, DoesNotLeaveWhileSomebodyIsConnected) {
  options_.idle_timeout = absl::Milliseconds(1);
  absl::Notification working;
  absl::Notification go_on;
  machine_.before_set = [&](const std::string& name) {
    if (name != "vm.a") return;
    working.Notify();
    go_on.WaitForNotification();
  };
  // Connected before the server starts, so that it cannot be idle first.
  Peer peer(path_);
  ASSERT_THAT(peer.Send(FrameType::kExecute, Sign(NewCommand(1))), IsOk());
  StartServer();
  working.WaitForNotification();
  EXPECT_FALSE(ended_.WaitForNotificationWithTimeout(absl::Milliseconds(50)));
  go_on.Notify();
  EXPECT_THAT(peer.Answer(), IsOk());
  EXPECT_TRUE(ended_.WaitForNotificationWithTimeout(kPatience));
}

TEST_F(ServerTest, BeatsAlsoWhileACommandRunsAndStillLeavesWhenIdle) {
  std::atomic<int> beats = 0;
  options_.beat_interval = absl::Milliseconds(5);
  options_.beat = [&beats] { ++beats; };
  options_.idle_timeout = absl::Milliseconds(1);
  {
    // Connected before the server starts, so that it cannot be idle first.
    const Peer connected(path_);
    StartServer();
    while (beats < 30) absl::SleepFor(absl::Milliseconds(1));
    EXPECT_FALSE(ended_.HasBeenNotified());
  }
  EXPECT_TRUE(ended_.WaitForNotificationWithTimeout(kPatience));
  EXPECT_THAT(ended_with_, IsOk());
}

TEST_F(ServerTest, StopsAfterTheResourceThatItIsAt) {
  absl::Notification working;
  absl::Notification go_on;
  machine_.before_set = [&](const std::string&) {
    working.Notify();
    go_on.WaitForNotification();
  };
  StartServer();
  // Has not asked anything; accepted before the one that is busy.
  Peer silent(path_);
  Peer busy(path_);
  ASSERT_THAT(busy.Send(FrameType::kExecute, Sign(NewCommand(1))), IsOk());
  working.WaitForNotification();
  eventfd_write(stop_, 1);
  // Ends the silent one: the server has taken note of the stop.
  EXPECT_FALSE(silent.Answer().ok());
  go_on.Notify();
  const absl::StatusOr<std::string> report = busy.Answer();
  ASSERT_THAT(report, IsOk());
  EXPECT_EQ(Open(*report).outcome(), v1::OUTCOME_INTERRUPTED);
  EXPECT_TRUE(ended_.WaitForNotificationWithTimeout(kPatience));
  EXPECT_EQ(machine_.Get("vm.a"), "1");
  EXPECT_EQ(machine_.Get("vm.b"), "");
}

TEST_F(ServerTest, SaysWhyItCannotWork) {
  RefusingHandler refusing(absl::DataLossError("the journal is damaged"));
  Server server(listener_, stop_, {refusing, identity_}, options_, log_);
  std::thread thread([&] { EXPECT_THAT(server.Run(), IsOk()); });
  EXPECT_THAT(Ask(FrameType::kExecute, Sign(NewCommand(1))),
              StatusIs(absl::StatusCode::kFailedPrecondition, "the journal is damaged"));
  eventfd_write(stop_, 1);
  thread.join();
}

TEST_F(ServerTest, TellsHowTheNodeIsAndLeavesAtOnceIfThatWasAll) {
  StartServer();
  const absl::StatusOr<std::string> answer = Ask(FrameType::kObserve, "");
  ASSERT_THAT(answer, IsOk());
  v1::NodeStatus status;
  EXPECT_TRUE(status.ParseFromString(*answer));
  EXPECT_TRUE(ended_.WaitForNotificationWithTimeout(kPatience));
}

TEST_F(ServerTest, StaysAfterACommandThoughItIsObservedMeanwhile) {
  StartServer();
  ASSERT_THAT(Ask(FrameType::kExecute, Sign(NewCommand(1))), IsOk());
  ASSERT_THAT(Ask(FrameType::kObserve, ""), IsOk());
  EXPECT_FALSE(ended_.WaitForNotificationWithTimeout(absl::Milliseconds(500)));
}

}  // namespace
}  // namespace bpa::executor
