// The signed envelope: DSSE's signature scheme in a fixed binary layout.
//
// What is signed is DSSE's pre-authentication encoding (PAE) of the payload type and the payload
// (https://github.com/secure-systems-lab/dsse/blob/v1.0.0/protocol.md). How the envelope travels is
// our own layout, byte by byte in PROTOCOL.md: a parser of forty lines that root can run over
// bytes whose signature is not checked yet.
#ifndef BPA_PROTO_ENVELOPE_H_
#define BPA_PROTO_ENVELOPE_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace bpa {

// The payload types. A verifier compares with its own constant, never with what it got.
inline constexpr std::string_view kCommandPayloadType = "application/vnd.bpa.command.v1+protobuf";
inline constexpr std::string_view kReportPayloadType = "application/vnd.bpa.report.v1+protobuf";
inline constexpr std::string_view kAuditHeadPayloadType =
    "application/vnd.bpa.audit-head.v1+protobuf";
inline constexpr std::string_view kCertificatePayloadType =
    "application/vnd.bpa.certificate.v1+pem";

inline constexpr size_t kMaxPayloadBytes = 256 * 1024;
inline constexpr size_t kMaxPayloadTypeBytes = 128;
inline constexpr size_t kMaxSignatures = 8;
inline constexpr size_t kMaxKeyIdBytes = 64;
inline constexpr size_t kMaxSignatureBytes = 160;
// The largest envelope that can be encoded.
inline constexpr size_t kMaxEnvelopeBytes =
    4 + 1 + 1 + 1 + kMaxPayloadTypeBytes + 4 + kMaxPayloadBytes +
    kMaxSignatures * (1 + kMaxKeyIdBytes + 1 + kMaxSignatureBytes);

struct EnvelopeSignature {
  // Says which key to try first. Unauthenticated: never decides anything.
  std::string key_id;
  // Ed25519: 64 bytes (RFC 8032). ECDSA P-256: DER (RFC 3279).
  std::string signature;

  friend bool operator==(const EnvelopeSignature&, const EnvelopeSignature&) = default;
};

struct Envelope {
  std::string payload_type;
  std::string payload;
  // May be empty: an unsigned command on its way to an offline signer.
  std::vector<EnvelopeSignature> signatures;

  friend bool operator==(const Envelope&, const Envelope&) = default;
};

// DSSE's PAE: "DSSEv1" SP LEN(type) SP type SP LEN(payload) SP payload.
std::string PreAuthenticationEncoding(std::string_view payload_type, std::string_view payload);

// Fails with InvalidArgument if a field is over its limit.
absl::StatusOr<std::string> EncodeEnvelope(const Envelope& envelope);

// Accepts exactly what EncodeEnvelope makes; refuses truncated and trailing bytes, unknown versions
// and anything over a limit with InvalidArgument, naming the field and the offset.
absl::StatusOr<Envelope> DecodeEnvelope(std::string_view bytes);

}  // namespace bpa

#endif  // BPA_PROTO_ENVELOPE_H_
