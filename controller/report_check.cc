#include "controller/report_check.h"

#include <openssl/evp.h>

#include "absl/strings/str_cat.h"
#include "proto/envelope.h"

namespace bpa::controller {
namespace {

std::string Sha256(const std::string& bytes) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  EVP_Digest(bytes.data(), bytes.size(), digest, &size, EVP_sha256(), nullptr);
  return std::string(digest, digest + size);
}

absl::Status Mismatch(const char* what, const std::string& wanted, const std::string& found) {
  return absl::InvalidArgumentError(absl::StrCat("the signed report is for ", what, " \"", found,
                                                 "\" and not \"", wanted,
                                                 "\": something between here and the node mixes up "
                                                 "answers; do not rely on it"));
}

}  // namespace

absl::StatusOr<SentCommand> ReadSentCommand(std::string_view envelope) {
  absl::StatusOr<Envelope> decoded = DecodeEnvelope(envelope);
  if (!decoded.ok()) return decoded.status();
  if (decoded->payload_type != kCommandPayloadType) {
    return absl::InvalidArgumentError(
        absl::StrCat("the envelope holds \"", decoded->payload_type, "\" and no command"));
  }
  SentCommand sent;
  if (!sent.command.ParseFromString(decoded->payload)) {
    return absl::InvalidArgumentError("the envelope's payload is not a command");
  }
  sent.payload_sha256 = Sha256(decoded->payload);
  return sent;
}

absl::StatusOr<v1::Report> CheckReport(std::string_view envelope, const Verifier& pinned,
                                       const SentCommand& sent, const std::string& node) {
  absl::StatusOr<Envelope> decoded = DecodeEnvelope(envelope);
  if (!decoded.ok()) return decoded.status();
  absl::StatusOr<VerifiedPayload> payload = pinned.Verify(*decoded, kReportPayloadType, 1);
  if (!payload.ok()) return payload.status();
  v1::Report report;
  if (!report.ParseFromString(payload->bytes())) {
    return absl::InvalidArgumentError("the signed payload is not a report");
  }
  const v1::Command& command = sent.command;
  if (report.command_id() != command.id()) {
    return Mismatch("command", command.id(), report.command_id());
  }
  if (report.command_sha256() != sent.payload_sha256) {
    return absl::InvalidArgumentError("the signed report is for other bytes under this command id");
  }
  if (report.cluster() != command.cluster()) {
    return Mismatch("cluster", command.cluster(), report.cluster());
  }
  if (report.node() != node) return Mismatch("node", node, report.node());
  if (report.mode() != command.mode()) {
    return Mismatch("mode", v1::Mode_Name(command.mode()), v1::Mode_Name(report.mode()));
  }
  return report;
}

}  // namespace bpa::controller
