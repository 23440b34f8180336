#include "proto/frame.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "proto/big_endian.h"
#include "proto/trusted_file.h"

namespace bpa {
namespace {

constexpr std::string_view kMagic = "BPAF";
constexpr uint8_t kVersion = 1;

bool IsKnownType(uint8_t type) {
  switch (static_cast<FrameType>(type)) {
    case FrameType::kExecute:
    case FrameType::kGetReport:
    case FrameType::kStage:
    case FrameType::kContent:
    case FrameType::kAbandoned:
    case FrameType::kObserve:
    case FrameType::kGetAudit:
    case FrameType::kBeginEnrollment:
    case FrameType::kCompleteEnrollment:
    case FrameType::kInstallCertificate:
    case FrameType::kProgress:
    case FrameType::kReport:
    case FrameType::kError:
    case FrameType::kWant:
    case FrameType::kEnded:
    case FrameType::kStatus:
    case FrameType::kAudit:
    case FrameType::kOffer:
    case FrameType::kDone:
      return true;
  }
  return false;
}

struct BodyLimits {
  size_t least;
  size_t most;
};

BodyLimits Exactly(size_t bytes) { return {.least = bytes, .most = bytes}; }

BodyLimits LimitsOf(FrameType type) {
  switch (type) {
    case FrameType::kContent:
      // Content without a byte would be a sign of life that brings nothing.
      return {.least = 1, .most = kMaxContentFrameBytes};
    case FrameType::kAbandoned:
      return {.least = 0, .most = kMaxAbandonedBytes};
    case FrameType::kObserve:
    case FrameType::kDone:
      return Exactly(0);
    case FrameType::kGetAudit:
      return Exactly(kGetAuditBytes);
    case FrameType::kBeginEnrollment:
      return Exactly(kNonceBytes);
    case FrameType::kCompleteEnrollment:
      return {.least = kProofBytes + 1, .most = kProofBytes + kMaxCertificateBytes};
    case FrameType::kExecute:
    case FrameType::kGetReport:
    case FrameType::kStage:
    case FrameType::kInstallCertificate:
    case FrameType::kProgress:
    case FrameType::kReport:
    case FrameType::kError:
    case FrameType::kWant:
    case FrameType::kEnded:
    case FrameType::kStatus:
    case FrameType::kAudit:
    case FrameType::kOffer:
      break;
  }
  return {.least = 0, .most = kMaxFrameBodyBytes};
}

// Dies as EncodeFrame does.
std::array<char, kFrameHeaderBytes> EncodeHeader(FrameType type, size_t body_bytes) {
  if (!IsAllowedBody(type, body_bytes)) std::abort();
  std::array<char, kFrameHeaderBytes> header{};
  kMagic.copy(header.data(), kMagic.size());
  header[4] = static_cast<char>(kVersion);
  header[5] = static_cast<char>(type);
  for (int i = 0; i < 4; ++i) header[8 + i] = static_cast<char>(body_bytes >> (24 - 8 * i));
  return header;
}

// Waits until `fd` may be ready for `events`.
absl::Status Await(int fd, short events, absl::Time deadline) {
  const absl::Duration left = deadline - absl::Now();
  if (left <= absl::ZeroDuration()) {
    return absl::DeadlineExceededError("the other side of the socket took too long");
  }
  int timeout = -1;
  if (deadline != absl::InfiniteFuture()) {
    // Rounded up: a timeout of 0 would spin through the last millisecond.
    timeout = static_cast<int>(std::min<int64_t>(
        absl::ToInt64Milliseconds(absl::Ceil(left, absl::Milliseconds(1))), INT_MAX));
  }
  pollfd waited{.fd = fd, .events = events, .revents = 0};
  if (poll(&waited, 1, timeout) < 0 && errno != EINTR) return ErrnoStatus(errno, "poll", "socket");
  return absl::OkStatus();
}

// What a failed recv or send says: OK means try again after `events`.
absl::Status Retry(int fd, const char* syscall, short events, absl::Time deadline) {
  const int error = errno;
  if (error == EINTR) return absl::OkStatus();
  if (error == EAGAIN || error == EWOULDBLOCK) return Await(fd, events, deadline);
  if (error == EPIPE || error == ECONNRESET) {
    return absl::UnavailableError("the other side closed the socket");
  }
  return ErrnoStatus(error, syscall, "socket");
}

absl::Status ReadExactly(int fd, char* out, size_t count, absl::Time deadline) {
  size_t done = 0;
  while (done < count) {
    const ssize_t got = recv(fd, out + done, count - done, MSG_DONTWAIT);
    if (got > 0) {
      done += static_cast<size_t>(got);
    } else if (got == 0) {
      return absl::UnavailableError("the other side closed the socket before a whole frame");
    } else if (absl::Status status = Retry(fd, "recv", POLLIN, deadline); !status.ok()) {
      return status;
    }
  }
  return absl::OkStatus();
}

}  // namespace

bool IsAllowedBody(FrameType type, size_t bytes) {
  const BodyLimits limits = LimitsOf(type);
  return bytes >= limits.least && bytes <= limits.most;
}

std::string EncodeFrame(const Frame& frame) {
  const auto header = EncodeHeader(frame.type, frame.body.size());
  std::string out;
  out.reserve(header.size() + frame.body.size());
  out.append(header.data(), header.size());
  out.append(frame.body);
  return out;
}

absl::StatusOr<FrameHeader> DecodeFrameHeader(std::string_view bytes) {
  if (bytes.size() != kFrameHeaderBytes) {
    return absl::InvalidArgumentError(absl::StrCat("frame: the header is ", bytes.size(),
                                                   " bytes long, not ", kFrameHeaderBytes));
  }
  if (bytes.substr(0, 4) != kMagic) {
    return absl::InvalidArgumentError(absl::StrCat(
        "frame: magic at offset 0 is '", absl::CHexEscape(std::string(bytes.substr(0, 4))),
        "', not BPAF: not a gateway or executor"));
  }
  const auto version = static_cast<uint8_t>(bytes[4]);
  if (version != kVersion) {
    return absl::InvalidArgumentError(
        absl::StrCat("frame: version ", version, " at offset 4 is not known here, only ", kVersion,
                     ": gateway and executor must be of one release"));
  }
  const auto type = static_cast<uint8_t>(bytes[5]);
  if (!IsKnownType(type)) {
    return absl::InvalidArgumentError(absl::StrCat("frame: unknown type ", type, " at offset 5"));
  }
  if (bytes[6] != 0 || bytes[7] != 0) {
    return absl::InvalidArgumentError("frame: reserved bytes at offset 6 are not zero");
  }
  const auto length = static_cast<uint32_t>(BigEndian(bytes.substr(8, 4)));
  const FrameHeader header{.type = static_cast<FrameType>(type), .body_bytes = length};
  if (!IsAllowedBody(header.type, length)) {
    const BodyLimits limits = LimitsOf(header.type);
    return absl::InvalidArgumentError(
        absl::StrCat("frame: the body is ", length, " bytes long, allowed are ",
                     limits.least > 0 ? absl::StrCat(limits.least, " to ") : "", limits.most));
  }
  return header;
}

absl::StatusOr<Frame> ReadFrame(int fd, absl::Time deadline) {
  char bytes[kFrameHeaderBytes];
  absl::Status status = ReadExactly(fd, bytes, sizeof bytes, deadline);
  if (!status.ok()) return status;
  const auto header = DecodeFrameHeader(std::string_view(bytes, sizeof bytes));
  if (!header.ok()) return header.status();
  Frame frame{.type = header->type, .body = std::string(header->body_bytes, '\0')};
  status = ReadExactly(fd, frame.body.data(), frame.body.size(), deadline);
  if (!status.ok()) return status;
  return frame;
}

absl::Status WriteFrame(int fd, const Frame& frame, absl::Time deadline) {
  return WriteFrame(fd, frame.type, frame.body, deadline);
}

absl::Status WriteFrame(int fd, FrameType type, std::string_view body, absl::Time deadline) {
  auto header = EncodeHeader(type, body.size());
  std::array<iovec, 2> left = {
      iovec{.iov_base = header.data(), .iov_len = header.size()},
      iovec{.iov_base = const_cast<char*>(body.data()), .iov_len = body.size()}};
  while (left[0].iov_len + left[1].iov_len > 0) {
    const bool header_sent = left[0].iov_len == 0;
    msghdr message{};
    message.msg_iov = header_sent ? &left[1] : left.data();
    message.msg_iovlen = header_sent ? 1 : 2;
    // MSG_NOSIGNAL: a peer that left is an error to report, not a signal to die by.
    const ssize_t sent = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent >= 0) {
      auto rest = static_cast<size_t>(sent);
      for (iovec& part : left) {
        const size_t taken = std::min(rest, part.iov_len);
        part = {.iov_base = static_cast<char*>(part.iov_base) + taken,
                .iov_len = part.iov_len - taken};
        rest -= taken;
      }
    } else if (absl::Status status = Retry(fd, "sendmsg", POLLOUT, deadline); !status.ok()) {
      return status;
    }
  }
  return absl::OkStatus();
}

std::string EncodeAuditRequest(const AuditRequest& request) {
  if (request.nonce.size() != kNonceBytes) std::abort();
  std::string body;
  AppendBigEndian(body, request.first_sequence, 8);
  return body + request.nonce;
}

absl::StatusOr<AuditRequest> DecodeAuditRequest(std::string_view body) {
  if (body.size() != kGetAuditBytes) {
    return absl::InvalidArgumentError(absl::StrCat("a request for the audit record of ",
                                                   body.size(), " bytes, not ", kGetAuditBytes));
  }
  return AuditRequest{.first_sequence = BigEndian(body.substr(0, 8)),
                      .nonce = std::string(body.substr(8))};
}

std::string EncodeError(const absl::Status& status) {
  // OK is no error; sent as one it would be refused by the other side without a word of why.
  const absl::StatusCode code = status.ok() ? absl::StatusCode::kInternal : status.code();
  absl::string_view message = status.message().substr(0, kMaxErrorMessageBytes);
  if (message.size() < status.message().size()) {
    // Not within a UTF-8 sequence: gRPC passes the message on as text.
    size_t end = message.size();
    while (end > 0 && (static_cast<uint8_t>(status.message()[end]) & 0xC0) == 0x80) --end;
    message = message.substr(0, end);
  }
  std::string body(1, static_cast<char>(code));
  body.append(message.data(), message.size());
  return body;
}

absl::Status DecodeError(std::string_view body, absl::Status* error) {
  if (body.empty()) return absl::InvalidArgumentError("error frame: empty body, no status code");
  const auto code = static_cast<uint8_t>(body[0]);
  if (code < static_cast<uint8_t>(absl::StatusCode::kCancelled) ||
      code > static_cast<uint8_t>(absl::StatusCode::kUnauthenticated)) {
    return absl::InvalidArgumentError(absl::StrCat("error frame: unknown status code ", code));
  }
  if (body.size() - 1 > kMaxErrorMessageBytes) {
    return absl::InvalidArgumentError(absl::StrCat("error frame: the message is ", body.size() - 1,
                                                   " bytes long, allowed are ",
                                                   kMaxErrorMessageBytes));
  }
  *error = absl::Status(static_cast<absl::StatusCode>(code), std::string(body.substr(1)));
  return absl::OkStatus();
}

}  // namespace bpa
