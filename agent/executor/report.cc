#include "agent/executor/report.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/envelope.h"
#include "proto/fingerprint.h"
#include "proto/trusted_file.h"

namespace bpa::executor {
namespace {

constexpr size_t kMaxKeyFileBytes = 16 * 1024;
constexpr char kCutMark[] = " [...]";

// At most `max` bytes and a mark, without splitting a UTF-8 sequence.
void Cut(std::string& text, size_t max) {
  if (text.size() <= max + sizeof kCutMark) return;
  while (max > 0 && (static_cast<unsigned char>(text[max]) & 0xC0) == 0x80) --max;
  text.resize(max);
  text.append(kCutMark);
}

void CutTexts(v1::Report& report, size_t max) {
  for (v1::ResourceResult& result : *report.mutable_resources()) {
    Cut(*result.mutable_message(), max);
    for (v1::Change& change : *result.mutable_changes()) {
      Cut(*change.mutable_before(), max);
      Cut(*change.mutable_after(), max);
    }
  }
}

// Names are bounded by what a command may hold (kMaxRoleNamesBytes), so that the last step
// always fits.
std::string SerializeWithinLimit(v1::Report& report) {
  for (const size_t max : {size_t{8192}, size_t{2048}, size_t{512}, size_t{128}, size_t{16}}) {
    CutTexts(report, max);
    if (report.ByteSizeLong() <= kMaxPayloadBytes) return report.SerializeAsString();
  }
  for (v1::ResourceResult& result : *report.mutable_resources()) result.clear_changes();
  return report.SerializeAsString();
}

}  // namespace

const char kAgentVersion[] = BPA_VERSION;

std::string KindName(v1::ResourceKind kind) {
  if (kind == v1::RESOURCE_KIND_VOLUME) return "volume";
  if (kind == v1::RESOURCE_KIND_RESET) return "reset";
  if (kind == v1::RESOURCE_KIND_DIRECTORY) return "directory";
  if (kind == v1::RESOURCE_KIND_SYSCTL) return "sysctl";
  if (kind == v1::RESOURCE_KIND_PACKAGE) return "package";
  return absl::StrCat("resource of kind ", static_cast<int>(kind));
}

v1::Change MakeChange(v1::ResourceKind kind, const std::string& name,
                      const Difference& difference) {
  v1::Change change;
  change.set_aspect(difference.aspect);
  change.set_before(difference.before);
  change.set_after(difference.after);
  change.set_fingerprint_sha256(ChangeFingerprint(
      static_cast<uint32_t>(kind), name, difference.aspect, difference.before, difference.after));
  return change;
}

v1::Outcome OutcomeOf(const v1::Report& report) {
  const bool bad = std::any_of(report.resources().begin(), report.resources().end(),
                               [](const v1::ResourceResult& result) {
                                 return result.status() == v1::RESOURCE_STATUS_FAILED ||
                                        result.status() == v1::RESOURCE_STATUS_SKIPPED;
                               });
  return bad ? v1::OUTCOME_FAILED : v1::OUTCOME_SUCCEEDED;
}

v1::Report InterruptedReport(const CommandRecord& record, const std::vector<StepRecord>& steps) {
  v1::Report report;
  report.set_command_id(record.id);
  report.set_command_sha256(record.payload_sha256);
  report.set_mode(record.mode);
  report.set_outcome(v1::OUTCOME_INTERRUPTED);
  report.set_started_at_unix_millis(absl::ToUnixMillis(record.accepted_at));
  report.set_operator_name(record.operator_name);
  for (const std::string& signer : record.signers) report.add_signers(signer);
  for (const StepRecord& step : steps) {
    v1::ResourceResult& result = *report.add_resources();
    result.set_kind(step.kind);
    result.set_name(step.name);
    result.set_status(step.status);
    result.set_message(step.message);
    if (step.status == v1::RESOURCE_STATUS_UNSPECIFIED) {
      result.set_status(v1::RESOURCE_STATUS_FAILED);
      result.set_message(
          "the executor ended before it had recorded that this was changed: send the same command "
          "again to finish it");
    }
  }
  return report;
}

absl::StatusOr<PrivateKey> LoadReportKey(const std::string& path) {
  absl::StatusOr<std::string> pem = ReadTrustedFile(path, kMaxKeyFileBytes, FileSecrecy::kSecret);
  if (!pem.ok()) {
    return absl::Status(pem.status().code(),
                        absl::StrCat("the node's report key (executor.report_key in agent.yaml): ",
                                     pem.status().message()));
  }
  absl::StatusOr<PrivateKey> key = PrivateKey::FromPem(*pem);
  if (!key.ok()) {
    return absl::Status(key.status().code(),
                        absl::StrCat("the node's report key ", path, ": ", key.status().message()));
  }
  return key;
}

ReportSigner::ReportSigner(PrivateKey key, std::string cluster, std::string node)
    : key_(std::move(key)), cluster_(std::move(cluster)), node_(std::move(node)) {}

absl::StatusOr<std::string> ReportSigner::Sign(v1::Report report) const {
  report.set_cluster(cluster_);
  report.set_node(node_);
  report.set_agent_version(kAgentVersion);
  return Seal(kReportPayloadType, SerializeWithinLimit(report));
}

absl::StatusOr<std::string> ReportSigner::Sign(v1::AuditHead head) const {
  head.set_cluster(cluster_);
  head.set_node(node_);
  return Seal(kAuditHeadPayloadType, head.SerializeAsString());
}

absl::StatusOr<std::string> ReportSigner::Seal(std::string_view type, std::string payload) const {
  Envelope envelope{.payload_type = std::string(type), .payload = std::move(payload)};
  absl::StatusOr<std::string> signature =
      key_.Sign(PreAuthenticationEncoding(envelope.payload_type, envelope.payload));
  if (!signature.ok()) return signature.status();
  envelope.signatures.push_back(
      {.key_id = key_.public_key().id(), .signature = *std::move(signature)});
  return EncodeEnvelope(envelope);
}

}  // namespace bpa::executor
