#include "proto/envelope.h"

#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "proto/big_endian.h"

namespace bpa {
namespace {

constexpr std::string_view kMagic = "BPAE";
constexpr uint8_t kVersion = 1;

absl::Status OverLimit(const std::string& field, size_t bytes, size_t min, size_t max) {
  return absl::InvalidArgumentError(absl::StrCat("envelope: ", field, " is ", bytes,
                                                 " bytes long, allowed are ", min, " to ", max));
}

absl::Status CheckLimits(const Envelope& envelope) {
  const size_t type_bytes = envelope.payload_type.size();
  if (type_bytes < 1 || type_bytes > kMaxPayloadTypeBytes) {
    return OverLimit("payload type", type_bytes, 1, kMaxPayloadTypeBytes);
  }
  if (envelope.payload.size() > kMaxPayloadBytes) {
    return OverLimit("payload", envelope.payload.size(), 0, kMaxPayloadBytes);
  }
  if (envelope.signatures.size() > kMaxSignatures) {
    return absl::InvalidArgumentError(absl::StrCat("envelope: ", envelope.signatures.size(),
                                                   " signatures, allowed are ", kMaxSignatures));
  }
  for (const EnvelopeSignature& signature : envelope.signatures) {
    if (signature.key_id.size() > kMaxKeyIdBytes) {
      return OverLimit("key id", signature.key_id.size(), 0, kMaxKeyIdBytes);
    }
    if (signature.signature.empty() || signature.signature.size() > kMaxSignatureBytes) {
      return OverLimit("signature", signature.signature.size(), 1, kMaxSignatureBytes);
    }
  }
  return absl::OkStatus();
}

// Takes fields off the front of bytes that nobody has vouched for.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  size_t offset() const { return offset_; }
  size_t left() const { return bytes_.size() - offset_; }

  absl::StatusOr<std::string_view> Bytes(const std::string& field, size_t count) {
    if (count > left()) {
      return absl::InvalidArgumentError(absl::StrCat("envelope: truncated: ", field, " needs ",
                                                     count, " bytes at offset ", offset_, ", only ",
                                                     left(), " are left"));
    }
    const std::string_view taken = bytes_.substr(offset_, count);
    offset_ += count;
    return taken;
  }

  // A big-endian number of `width` bytes that must lie between `min` and `max`.
  absl::StatusOr<uint32_t> Number(const std::string& field, size_t width, uint32_t min,
                                  uint32_t max) {
    const size_t at = offset_;
    const absl::StatusOr<std::string_view> digits = Bytes(field, width);
    if (!digits.ok()) return digits.status();
    const auto value = static_cast<uint32_t>(BigEndian(*digits));
    if (value < min || value > max) {
      return absl::InvalidArgumentError(absl::StrCat("envelope: ", field, " at offset ", at, " is ",
                                                     value, ", allowed are ", min, " to ", max));
    }
    return value;
  }

  // A length of `width` bytes within its limits, then that many bytes.
  absl::StatusOr<std::string_view> Field(const std::string& field, size_t width, size_t min,
                                         size_t max) {
    const absl::StatusOr<uint32_t> length =
        Number(absl::StrCat(field, " length"), width, static_cast<uint32_t>(min),
               static_cast<uint32_t>(max));
    if (!length.ok()) return length.status();
    return Bytes(field, *length);
  }

 private:
  std::string_view bytes_;
  size_t offset_ = 0;
};

absl::StatusOr<EnvelopeSignature> DecodeSignature(Reader& reader, uint32_t position) {
  const std::string name = absl::StrCat("signature ", position);
  const auto key_id = reader.Field(absl::StrCat(name, "'s key id"), 1, 0, kMaxKeyIdBytes);
  if (!key_id.ok()) return key_id.status();
  const auto signature = reader.Field(name, 1, 1, kMaxSignatureBytes);
  if (!signature.ok()) return signature.status();
  return EnvelopeSignature{.key_id = std::string(*key_id), .signature = std::string(*signature)};
}

}  // namespace

std::string PreAuthenticationEncoding(std::string_view payload_type, std::string_view payload) {
  std::string encoding = absl::StrCat("DSSEv1 ", payload_type.size(), " ");
  encoding.append(payload_type);
  absl::StrAppend(&encoding, " ", payload.size(), " ");
  encoding.append(payload);
  return encoding;
}

absl::StatusOr<std::string> EncodeEnvelope(const Envelope& envelope) {
  if (absl::Status status = CheckLimits(envelope); !status.ok()) return status;
  std::string out(kMagic);
  out.push_back(static_cast<char>(kVersion));
  out.push_back(static_cast<char>(envelope.signatures.size()));
  out.push_back(static_cast<char>(envelope.payload_type.size()));
  out.append(envelope.payload_type);
  AppendBigEndian(out, envelope.payload.size(), 4);
  out.append(envelope.payload);
  for (const EnvelopeSignature& signature : envelope.signatures) {
    out.push_back(static_cast<char>(signature.key_id.size()));
    out.append(signature.key_id);
    out.push_back(static_cast<char>(signature.signature.size()));
    out.append(signature.signature);
  }
  return out;
}

absl::StatusOr<Envelope> DecodeEnvelope(std::string_view bytes) {
  Reader reader(bytes);
  const auto magic = reader.Bytes("magic", kMagic.size());
  if (!magic.ok()) return magic.status();
  if (*magic != kMagic) {
    return absl::InvalidArgumentError("envelope: not an envelope: magic at offset 0 is not BPAE");
  }
  const auto version = reader.Number("version", 1, 0, UINT8_MAX);
  if (!version.ok()) return version.status();
  if (*version != kVersion) {
    return absl::InvalidArgumentError(absl::StrCat(
        "envelope: version ", *version, " at offset 4 is not known here; this program reads ",
        kVersion, ": use programs of the same release on both sides"));
  }
  const auto count = reader.Number("signature count", 1, 0, kMaxSignatures);
  if (!count.ok()) return count.status();
  const auto type = reader.Field("payload type", 1, 1, kMaxPayloadTypeBytes);
  if (!type.ok()) return type.status();
  const auto payload = reader.Field("payload", 4, 0, kMaxPayloadBytes);
  if (!payload.ok()) return payload.status();

  Envelope envelope{.payload_type = std::string(*type), .payload = std::string(*payload)};
  for (uint32_t position = 1; position <= *count; ++position) {
    absl::StatusOr<EnvelopeSignature> signature = DecodeSignature(reader, position);
    if (!signature.ok()) return signature.status();
    envelope.signatures.push_back(*std::move(signature));
  }
  if (reader.left() != 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "envelope: ", reader.left(), " bytes too many, from offset ", reader.offset()));
  }
  return envelope;
}

}  // namespace bpa
