// Frames on the UNIX socket between gateway and executor; byte by byte in PROTOCOL.md.
#ifndef BPA_PROTO_FRAME_H_
#define BPA_PROTO_FRAME_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "proto/envelope.h"

namespace bpa {

enum class FrameType : uint8_t {
  // Gateway to executor, one per connection.
  kExecute = 1,    // body: envelope
  kGetReport = 2,  // body: 36-character command id
  // Executor to gateway: any number of progress frames, then one report or one error.
  kProgress = 129,  // body: serialized bpa.v1.Progress
  kReport = 130,    // body: envelope that holds a bpa.v1.Report
  kError = 131,     // body: see EncodeError
};

struct Frame {
  FrameType type;
  std::string body;

  friend bool operator==(const Frame&, const Frame&) = default;
};

inline constexpr size_t kFrameHeaderBytes = 12;
inline constexpr size_t kMaxFrameBodyBytes = kMaxEnvelopeBytes;
inline constexpr size_t kMaxErrorMessageBytes = 4096;

struct FrameHeader {
  FrameType type;
  uint32_t body_bytes;
};

// Dies on a body over kMaxFrameBodyBytes: the caller has checked.
std::string EncodeFrame(const Frame& frame);

// `bytes` is exactly kFrameHeaderBytes long. InvalidArgument for another magic, version, type,
// non-zero reserved bytes or a body over the limit: checked before anything is allocated.
absl::StatusOr<FrameHeader> DecodeFrameHeader(std::string_view bytes);

// Reads one frame from a connected stream socket. Unavailable when the peer closed or reset before
// a whole frame, DeadlineExceeded when it took longer than `deadline`.
absl::StatusOr<Frame> ReadFrame(int fd, absl::Time deadline);
absl::Status WriteFrame(int fd, const Frame& frame, absl::Time deadline);

// A status as the body of a kError frame: u8 code (absl::StatusCode), then the message, cut at
// kMaxErrorMessageBytes. Decoding refuses code 0 (OK) and unknown codes.
std::string EncodeError(const absl::Status& status);
// Returns through `error` what the other side said; fails if `body` is malformed.
absl::Status DecodeError(std::string_view body, absl::Status* error);

}  // namespace bpa

#endif  // BPA_PROTO_FRAME_H_
