#include "proto/frame.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <iterator>
#include <string>
#include <thread>
#include <utility>

#include "absl/time/clock.h"
#include "tests/proto/testdata.h"
#include "tests/status_matchers.h"

namespace bpa {
namespace {

using ::bpa::testing::IsOk;
using ::bpa::testing::StatusIs;
using ::bpa::testing::Testdata;
using ::testing::HasSubstr;

// As PROTOCOL.md says.
static_assert(kFrameHeaderBytes == 12);
static_assert(kMaxFrameBodyBytes == 264091);
static_assert(kMaxErrorMessageBytes == 4096);
static_assert(kMaxContentFrameBytes == 262144);
static_assert(kMaxAbandonedBytes == 4096);

constexpr FrameType kAllTypes[] = {FrameType::kExecute,
                                   FrameType::kGetReport,
                                   FrameType::kStage,
                                   FrameType::kContent,
                                   FrameType::kAbandoned,
                                   FrameType::kProgress,
                                   FrameType::kReport,
                                   FrameType::kError,
                                   FrameType::kWant,
                                   FrameType::kObserve,
                                   FrameType::kGetAudit,
                                   FrameType::kBeginEnrollment,
                                   FrameType::kCompleteEnrollment,
                                   FrameType::kInstallCertificate,
                                   FrameType::kEnded,
                                   FrameType::kStatus,
                                   FrameType::kAudit,
                                   FrameType::kOffer,
                                   FrameType::kDone};

// The shortest body that a frame of this type may have, 1 where there is no such bound.
size_t SomeBody(FrameType type) {
  for (size_t bytes = 1; bytes < 100; ++bytes) {
    if (IsAllowedBody(type, bytes)) return bytes;
  }
  return 0;
}

absl::Time Soon() { return absl::Now() + absl::Seconds(30); }

auto Refused(const std::string& message) {
  return StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(message));
}

TEST(FrameHeaderTest, EncodesEveryByteAsTheProtocolSays) {
  EXPECT_EQ(EncodeFrame({.type = FrameType::kProgress, .body = "abc"}),
            std::string("BPAF\x01\x81\x00\x00\x00\x00\x00\x03"
                        "abc",
                        15));
}

TEST(FrameHeaderTest, TakesEveryType) {
  for (const FrameType type : kAllTypes) {
    const Frame frame{.type = type, .body = std::string(SomeBody(type), 'x')};
    const auto header = DecodeFrameHeader(EncodeFrame(frame).substr(0, kFrameHeaderBytes));
    ASSERT_THAT(header, IsOk());
    EXPECT_EQ(header->type, type);
    EXPECT_EQ(header->body_bytes, SomeBody(type));
  }
}

TEST(FrameHeaderTest, HoldsRequestsOfAFixedLayoutToTheirLength) {
  EXPECT_TRUE(IsAllowedBody(FrameType::kObserve, 0));
  EXPECT_FALSE(IsAllowedBody(FrameType::kObserve, 1));
  EXPECT_TRUE(IsAllowedBody(FrameType::kGetAudit, 40));
  EXPECT_FALSE(IsAllowedBody(FrameType::kGetAudit, 39));
  EXPECT_FALSE(IsAllowedBody(FrameType::kGetAudit, 41));
  EXPECT_TRUE(IsAllowedBody(FrameType::kBeginEnrollment, 32));
  EXPECT_FALSE(IsAllowedBody(FrameType::kBeginEnrollment, 33));
  EXPECT_FALSE(IsAllowedBody(FrameType::kCompleteEnrollment, 32));
  EXPECT_TRUE(IsAllowedBody(FrameType::kCompleteEnrollment, 32 + 16384));
  EXPECT_FALSE(IsAllowedBody(FrameType::kCompleteEnrollment, 32 + 16385));
  EXPECT_FALSE(IsAllowedBody(FrameType::kDone, 1));
}

TEST(FrameHeaderTest, RefusesEveryOtherType) {
  int accepted = 0;
  for (int type = 0; type < 256; ++type) {
    std::string bytes("BPAF\x01\x00\x00\x00\x00\x00\x00\x01", 12);
    bytes[5] = static_cast<char>(type);
    bytes[11] = static_cast<char>(SomeBody(static_cast<FrameType>(type)));
    accepted += DecodeFrameHeader(bytes).ok() ? 1 : 0;
  }
  EXPECT_EQ(accepted, static_cast<int>(std::size(kAllTypes)));
}

TEST(FrameHeaderTest, RefusesBadBytesByNameAndOffset) {
  const std::string good("BPAF\x01\x01\x00\x00\x00\x00\x00\x00", 12);
  ASSERT_THAT(DecodeFrameHeader(good), IsOk());
  const auto with = [&](size_t offset, char byte) {
    std::string bytes = good;
    bytes[offset] = byte;
    return DecodeFrameHeader(bytes);
  };
  EXPECT_THAT(with(0, 'G'), Refused("magic at offset 0 is 'GPAF'"));
  EXPECT_THAT(with(4, 0), Refused("version 0 at offset 4"));
  EXPECT_THAT(with(4, 2), Refused("version 2 at offset 4"));
  EXPECT_THAT(with(5, 0), Refused("unknown type 0 at offset 5"));
  EXPECT_THAT(with(6, 1), Refused("reserved bytes at offset 6"));
  EXPECT_THAT(with(7, 1), Refused("reserved bytes at offset 6"));
  EXPECT_THAT(DecodeFrameHeader(good.substr(1)), Refused("11 bytes long"));
  EXPECT_THAT(DecodeFrameHeader(good + '\0'), Refused("13 bytes long"));
}

TEST(FrameHeaderTest, TakesTheLargestBodyAndNoLarger) {
  std::string bytes =
      EncodeFrame({.type = FrameType::kExecute, .body = std::string(kMaxFrameBodyBytes, 'x')})
          .substr(0, kFrameHeaderBytes);
  EXPECT_EQ(DecodeFrameHeader(bytes)->body_bytes, kMaxFrameBodyBytes);
  ASSERT_NE(bytes[11], '\xff');
  ++bytes[11];
  EXPECT_THAT(DecodeFrameHeader(bytes), Refused("the body is"));
  EXPECT_THAT(DecodeFrameHeader(std::string("BPAF\x01\x01\x00\x00\xff\xff\xff\xff", 12)),
              Refused("the body is 4294967295 bytes long"));
}

TEST(FrameHeaderTest, HoldsContentAndItsEndToTheirOwnLimits) {
  const auto header = [](FrameType type, uint32_t body_bytes) {
    std::string bytes("BPAF\x01\x00\x00\x00\x00\x00\x00\x00", kFrameHeaderBytes);
    bytes[5] = static_cast<char>(type);
    for (int i = 0; i < 4; ++i) bytes[8 + i] = static_cast<char>(body_bytes >> (24 - 8 * i));
    return DecodeFrameHeader(bytes);
  };
  EXPECT_THAT(header(FrameType::kContent, 1), IsOk());
  EXPECT_THAT(header(FrameType::kContent, kMaxContentFrameBytes), IsOk());
  EXPECT_THAT(header(FrameType::kContent, 0),
              Refused("the body is 0 bytes long, allowed are 1 to"));
  EXPECT_THAT(header(FrameType::kContent, kMaxContentFrameBytes + 1), Refused("262145 bytes long"));
  EXPECT_THAT(header(FrameType::kAbandoned, 0), IsOk());
  EXPECT_THAT(header(FrameType::kAbandoned, kMaxAbandonedBytes), IsOk());
  EXPECT_THAT(header(FrameType::kAbandoned, kMaxAbandonedBytes + 1), Refused("4097 bytes long"));
}

TEST(FrameHeaderDeathTest, DiesRatherThanEncodeABodyOverTheLimit) {
  const Frame frame{.type = FrameType::kExecute, .body = std::string(kMaxFrameBodyBytes + 1, 'x')};
  EXPECT_DEATH(EncodeFrame(frame), "");
}

TEST(FrameErrorTest, CarriesAStatus) {
  const absl::Status status = absl::NotFoundError("no such command");
  absl::Status decoded;
  EXPECT_THAT(DecodeError(EncodeError(status), &decoded), IsOk());
  EXPECT_EQ(decoded, status);
}

TEST(FrameErrorTest, TakesEveryCodeButOkAndUnknownOnes) {
  for (int code = 0; code < 256; ++code) {
    absl::Status decoded;
    const std::string body = std::string(1, static_cast<char>(code)) + "message";
    EXPECT_EQ(DecodeError(body, &decoded).ok(), code >= 1 && code <= 16) << code;
    EXPECT_EQ(decoded.ok(), code < 1 || code > 16) << code;
  }
}

TEST(FrameErrorTest, CutsALongMessageBetweenCharacters) {
  absl::Status decoded;
  const std::string fits(kMaxErrorMessageBytes, 'x');
  ASSERT_THAT(DecodeError(EncodeError(absl::AbortedError(fits)), &decoded), IsOk());
  EXPECT_EQ(decoded.message(), fits);
  ASSERT_THAT(DecodeError(EncodeError(absl::AbortedError(fits + "y")), &decoded), IsOk());
  EXPECT_EQ(decoded.message(), fits);
  const std::string before(kMaxErrorMessageBytes - 1, 'x');
  ASSERT_THAT(DecodeError(EncodeError(absl::AbortedError(before + "ü")), &decoded), IsOk());
  EXPECT_EQ(decoded.message(), before);
}

TEST(FrameErrorTest, RefusesMalformedBodies) {
  absl::Status decoded;
  EXPECT_THAT(DecodeError("", &decoded), Refused("empty body"));
  EXPECT_THAT(DecodeError('\5' + std::string(kMaxErrorMessageBytes + 1, 'x'), &decoded),
              Refused("4097 bytes long"));
}

TEST(FrameErrorTest, NeverSendsOkAsAnError) {
  absl::Status decoded;
  EXPECT_THAT(DecodeError(EncodeError(absl::OkStatus()), &decoded), IsOk());
  EXPECT_EQ(decoded.code(), absl::StatusCode::kInternal);
}

class FrameSocketTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends_.data()), 0);
  }
  void TearDown() override {
    CloseNear();
    CloseFar();
  }
  void CloseNear() {
    if (near() >= 0) close(std::exchange(ends_[0], -1));
  }
  void CloseFar() {
    if (far() >= 0) close(std::exchange(ends_[1], -1));
  }
  int near() const { return ends_[0]; }
  int far() const { return ends_[1]; }
  void SendRaw(const std::string& bytes) const {
    ASSERT_EQ(write(far(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  }

 private:
  std::array<int, 2> ends_ = {-1, -1};
};

TEST_F(FrameSocketTest, ReadsTheGoldenVectors) {
  SendRaw(Testdata("frame_execute.bin") + Testdata("frame_get_report.bin") +
          Testdata("frame_error.bin"));
  const auto execute = ReadFrame(near(), Soon());
  ASSERT_THAT(execute, IsOk());
  EXPECT_EQ(*execute, (Frame{FrameType::kExecute, Testdata("envelope_ed25519.bin")}));
  EXPECT_EQ(EncodeFrame(*execute), Testdata("frame_execute.bin"));
  EXPECT_EQ(ReadFrame(near(), Soon()).value(),
            (Frame{FrameType::kGetReport, "01920000-0000-7000-8000-000000000001"}));
  const auto error = ReadFrame(near(), Soon());
  ASSERT_THAT(error, IsOk());
  absl::Status status;
  EXPECT_THAT(DecodeError(error->body, &status), IsOk());
  EXPECT_EQ(status, absl::PermissionDeniedError("not allowed here"));
}

TEST_F(FrameSocketTest, ReadsTheGoldenVectorsOfAStaging) {
  SendRaw(Testdata("frame_stage.bin") + Testdata("frame_want.bin") + Testdata("frame_content.bin") +
          Testdata("frame_abandoned.bin"));
  const Frame stage{FrameType::kStage, Testdata("envelope_ed25519.bin")};
  const Frame want{FrameType::kWant,
                   "\x0a\x20" + std::string(32, '\xab') + "\x1a\x04\x08\x03\x10\x02"};
  const Frame content{FrameType::kContent, "some bytes of a chunk"};
  const Frame abandoned{FrameType::kAbandoned, "images/a.tar changed while it was read"};
  for (const Frame& frame : {stage, want, content, abandoned}) {
    EXPECT_EQ(ReadFrame(near(), Soon()).value(), frame);
  }
  EXPECT_EQ(EncodeFrame(want), Testdata("frame_want.bin"));
  EXPECT_EQ(EncodeFrame(content), Testdata("frame_content.bin"));
}

TEST_F(FrameSocketTest, ReadsTheGoldenVectorOfARequestForTheAuditRecord) {
  SendRaw(Testdata("frame_get_audit.bin"));
  const auto frame = ReadFrame(near(), Soon());
  ASSERT_THAT(frame, IsOk());
  const auto request = DecodeAuditRequest(frame->body);
  ASSERT_THAT(request, IsOk());
  EXPECT_EQ(request->first_sequence, 258u);
  EXPECT_EQ(request->nonce, std::string(32, 'n'));
  EXPECT_EQ(EncodeFrame({FrameType::kGetAudit, EncodeAuditRequest(*request)}),
            Testdata("frame_get_audit.bin"));
  EXPECT_FALSE(DecodeAuditRequest(frame->body + "x").ok());
}

TEST_F(FrameSocketTest, PassesTheLargestFrameThroughASmallBuffer) {
  const int small = 4096;
  ASSERT_EQ(setsockopt(far(), SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
  const Frame frame{.type = FrameType::kReport, .body = std::string(kMaxFrameBodyBytes, 'x')};
  absl::Status written;
  std::thread writer([&] { written = WriteFrame(far(), frame, Soon()); });
  const auto read = ReadFrame(near(), Soon());
  writer.join();
  EXPECT_THAT(written, IsOk());
  ASSERT_THAT(read, IsOk());
  EXPECT_EQ(*read, frame);
}

TEST_F(FrameSocketTest, ReadsAFrameThatArrivesByteByByte) {
  const Frame frame{.type = FrameType::kProgress, .body = "slowly"};
  std::thread writer([&] {
    for (const char byte : EncodeFrame(frame)) {
      ASSERT_EQ(write(far(), &byte, 1), 1);
      std::this_thread::yield();
    }
  });
  EXPECT_EQ(ReadFrame(near(), Soon()).value(), frame);
  writer.join();
}

TEST_F(FrameSocketTest, WorksWithoutADeadlineAndOnANonblockingSocket) {
  ASSERT_EQ(fcntl(near(), F_SETFL, O_NONBLOCK), 0);
  const Frame frame{.type = FrameType::kGetReport, .body = "id"};
  std::thread writer(
      [&] { EXPECT_THAT(WriteFrame(far(), frame, absl::InfiniteFuture()), IsOk()); });
  EXPECT_EQ(ReadFrame(near(), absl::InfiniteFuture()).value(), frame);
  writer.join();
}

TEST_F(FrameSocketTest, GivesUpOnAPeerThatSaysNothing) {
  EXPECT_THAT(ReadFrame(near(), absl::Now() + absl::Milliseconds(20)),
              StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("took too long")));
}

TEST_F(FrameSocketTest, GivesUpOnAPeerThatStopsInTheMiddle) {
  const std::string bytes = EncodeFrame({.type = FrameType::kExecute, .body = "body"});
  SendRaw(bytes.substr(0, bytes.size() - 1));
  EXPECT_THAT(ReadFrame(near(), absl::Now() + absl::Milliseconds(20)),
              StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("took too long")));
}

TEST_F(FrameSocketTest, HoldsTheDeadlineAgainstAPeerThatTrickles) {
  // Each byte comes in time; the whole frame would take forever.
  std::atomic<bool> stop = false;
  std::thread writer([&] {
    const std::string header("BPAF\x01\x01\x00\x00\x00\x04\x00\x00", kFrameHeaderBytes);
    ASSERT_EQ(write(far(), header.data(), header.size()), static_cast<ssize_t>(header.size()));
    while (!stop) {
      ASSERT_EQ(write(far(), "x", 1), 1);
      absl::SleepFor(absl::Milliseconds(1));
    }
  });
  EXPECT_THAT(ReadFrame(near(), absl::Now() + absl::Milliseconds(30)),
              StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("took too long")));
  stop = true;
  writer.join();
}

TEST_F(FrameSocketTest, GivesUpOnAPeerThatDoesNotRead) {
  const Frame frame{.type = FrameType::kReport, .body = std::string(kMaxFrameBodyBytes, 'x')};
  absl::Status status;
  const absl::Time deadline = absl::Now() + absl::Milliseconds(50);
  while (status.ok()) status = WriteFrame(near(), frame, deadline);
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("took too long")));
}

TEST_F(FrameSocketTest, SaysThatThePeerClosedAtEveryOffset) {
  const std::string bytes = EncodeFrame({.type = FrameType::kExecute, .body = "body"});
  for (size_t size = 0; size < bytes.size(); ++size) {
    SendRaw(bytes.substr(0, size));
    CloseFar();
    EXPECT_THAT(ReadFrame(near(), Soon()),
                StatusIs(absl::StatusCode::kUnavailable, HasSubstr("closed the socket")))
        << size;
    TearDown();
    SetUp();
  }
}

TEST_F(FrameSocketTest, ReportsAPeerThatLeftInsteadOfDyingBySignal) {
  CloseFar();
  EXPECT_THAT(WriteFrame(near(), {.type = FrameType::kExecute, .body = "body"}, Soon()),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("closed the socket")));
}

TEST_F(FrameSocketTest, RefusesAnOversizedFrameByItsHeaderAlone) {
  SendRaw(std::string("BPAF\x01\x01\x00\x00\xff\xff\xff\xff", 12));
  EXPECT_THAT(ReadFrame(near(), Soon()), Refused("the body is 4294967295 bytes long"));
}

TEST_F(FrameSocketTest, RefusesWhatIsNotAFrame) {
  SendRaw("GET / HTTP/1.1\r\n\r\n");
  EXPECT_THAT(ReadFrame(near(), Soon()), Refused("magic at offset 0 is 'GET '"));
}

TEST_F(FrameSocketTest, LeavesTheNextFrameInTheSocket) {
  const Frame one{.type = FrameType::kProgress, .body = "one"};
  const Frame two{.type = FrameType::kProgress, .body = "two"};
  SendRaw(EncodeFrame(one) + EncodeFrame(two));
  EXPECT_EQ(ReadFrame(near(), Soon()).value(), one);
  EXPECT_EQ(ReadFrame(near(), Soon()).value(), two);
}

}  // namespace
}  // namespace bpa
