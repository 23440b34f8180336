#include "proto/frame.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdlib>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "proto/trusted_file.h"

namespace bpa {
namespace {

constexpr std::string_view kMagic = "BPAF";
constexpr uint8_t kVersion = 1;

bool IsKnownType(uint8_t type) {
  switch (static_cast<FrameType>(type)) {
    case FrameType::kExecute:
    case FrameType::kGetReport:
    case FrameType::kProgress:
    case FrameType::kReport:
    case FrameType::kError:
      return true;
  }
  return false;
}

uint32_t BigEndian(std::string_view digits) {
  uint32_t value = 0;
  for (const char digit : digits) value = value << 8 | static_cast<uint8_t>(digit);
  return value;
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

std::string EncodeFrame(const Frame& frame) {
  if (frame.body.size() > kMaxFrameBodyBytes) std::abort();
  const auto length = static_cast<uint32_t>(frame.body.size());
  std::string out(kMagic);
  out.reserve(kFrameHeaderBytes + frame.body.size());
  out.push_back(static_cast<char>(kVersion));
  out.push_back(static_cast<char>(frame.type));
  out.append(2, '\0');
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<char>(length >> shift));
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
  const uint32_t length = BigEndian(bytes.substr(8, 4));
  if (length > kMaxFrameBodyBytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        "frame: the body is ", length, " bytes long, allowed are ", kMaxFrameBodyBytes));
  }
  return FrameHeader{.type = static_cast<FrameType>(type), .body_bytes = length};
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
  const std::string bytes = EncodeFrame(frame);
  size_t done = 0;
  while (done < bytes.size()) {
    // MSG_NOSIGNAL: a peer that left is an error to report, not a signal to die by.
    const ssize_t sent =
        send(fd, bytes.data() + done, bytes.size() - done, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent >= 0) {
      done += static_cast<size_t>(sent);
    } else if (absl::Status status = Retry(fd, "send", POLLOUT, deadline); !status.ok()) {
      return status;
    }
  }
  return absl::OkStatus();
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
