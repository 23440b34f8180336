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
#include "proto/nonce.h"

namespace bpa {

enum class FrameType : uint8_t {
  // Gateway to executor: one request per connection.
  kExecute = 1,    // body: envelope
  kGetReport = 2,  // body: 36-character command id
  kStage = 3,      // body: envelope; the executor may ask for content
  // After kStage, and only when it was asked for.
  kContent = 4,    // body: 1 to kMaxContentFrameBytes of what was wanted
  kAbandoned = 5,  // body: why no more content comes, at most kMaxAbandonedBytes of UTF-8
  // Further requests.
  kObserve = 6,              // no body
  kGetAudit = 7,             // body: u64 first sequence, kNonceBytes of nonce
  kBeginEnrollment = 8,      // body: kNonceBytes of nonce
  kCompleteEnrollment = 9,   // body: kProofBytes of proof, then a certificate in PEM
  kInstallCertificate = 10,  // body: envelope that holds a certificate in PEM
  // Executor to gateway: any number of progress, want and audit frames, for a command how it ended,
  // then one answer: report, error, status, offer or done.
  kProgress = 129,  // body: serialized bpa.v1.Progress
  kReport = 130,    // body: envelope that holds a bpa.v1.Report
  kError = 131,     // body: see EncodeError
  kWant = 132,      // body: serialized bpa.v1.Want
  kEnded = 133,     // body: serialized bpa.v1.Ended
  kStatus = 134,    // body: serialized bpa.v1.NodeStatus
  kAudit = 135,     // body: serialized bpa.v1.AuditPage
  kOffer = 136,     // body: serialized bpa.v1.EnrollmentOffer
  kDone = 137,      // no body
};

struct Frame {
  FrameType type;
  std::string body;

  friend bool operator==(const Frame&, const Frame&) = default;
};

inline constexpr size_t kFrameHeaderBytes = 12;
inline constexpr size_t kMaxFrameBodyBytes = kMaxEnvelopeBytes;
inline constexpr size_t kMaxErrorMessageBytes = 4096;
inline constexpr size_t kMaxContentFrameBytes = size_t{256} * 1024;
inline constexpr size_t kMaxAbandonedBytes = 4096;
inline constexpr size_t kGetAuditBytes = 8 + kNonceBytes;
inline constexpr size_t kMaxCertificateBytes = size_t{16} * 1024;

struct FrameHeader {
  FrameType type;
  uint32_t body_bytes;
};

// Whether a frame of this type may have a body of so many bytes.
bool IsAllowedBody(FrameType type, size_t bytes);

// Dies on a body that IsAllowedBody does not allow: the caller has checked. WriteFrame does, too.
std::string EncodeFrame(const Frame& frame);

// `bytes` is exactly kFrameHeaderBytes long. InvalidArgument for another magic, version, type,
// non-zero reserved bytes or a body outside its type's limits: checked before anything is
// allocated.
absl::StatusOr<FrameHeader> DecodeFrameHeader(std::string_view bytes);

// Reads one frame from a connected stream socket. Unavailable when the peer closed or reset before
// a whole frame, DeadlineExceeded when it took longer than `deadline`.
absl::StatusOr<Frame> ReadFrame(int fd, absl::Time deadline);
absl::Status WriteFrame(int fd, const Frame& frame, absl::Time deadline);
// The same without a Frame: `body` goes to the socket from where it lies.
absl::Status WriteFrame(int fd, FrameType type, std::string_view body, absl::Time deadline);

// The body of a kGetAudit frame.
struct AuditRequest {
  uint64_t first_sequence = 1;
  std::string nonce;  // kNonceBytes
};
// Dies on a nonce of another length: the caller has checked.
std::string EncodeAuditRequest(const AuditRequest& request);
// InvalidArgument when it is not kGetAuditBytes long.
absl::StatusOr<AuditRequest> DecodeAuditRequest(std::string_view body);

// A status as the body of a kError frame: u8 code (absl::StatusCode), then the message, cut at
// kMaxErrorMessageBytes. Decoding refuses code 0 (OK) and unknown codes.
std::string EncodeError(const absl::Status& status);
// Returns through `error` what the other side said; fails if `body` is malformed.
absl::Status DecodeError(std::string_view body, absl::Status* error);

}  // namespace bpa

#endif  // BPA_PROTO_FRAME_H_
