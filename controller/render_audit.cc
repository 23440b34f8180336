// How a node's audit record is shown.
#include <nlohmann/json.hpp>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controller/audit.h"
#include "controller/output_json.h"
#include "controller/table.h"

namespace bpa::controller {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kShortIdLength = 13;

// "AUDIT_EVENT_ENDED" as "ended"; empty where nothing is said.
std::string Word(const std::string& enum_name, std::string_view prefix) {
  if (!enum_name.starts_with(prefix) || enum_name.ends_with("_UNSPECIFIED")) return "";
  return absl::AsciiStrToLower(enum_name.substr(prefix.size()));
}

std::string EventWord(const v1::AuditRecord& record) {
  return Word(v1::AuditEvent_Name(record.event()), "AUDIT_EVENT_");
}

std::string RefusalWord(const v1::AuditRecord& record) {
  return Word(v1::RefusalReason_Name(record.refusal()), "REFUSAL_REASON_");
}

std::string ModeOf(const v1::AuditRecord& record) {
  return record.mode() == v1::MODE_UNSPECIFIED ? "" : ModeWord(record.mode());
}

std::string OutcomeOf(const v1::AuditRecord& record) {
  return record.outcome() == v1::OUTCOME_UNSPECIFIED ? "" : OutcomeWord(record.outcome());
}

std::string Or(const std::string& text, const char* otherwise) {
  return text.empty() ? otherwise : text;
}

std::string ResultOf(const v1::AuditRecord& record) {
  std::string text = EventWord(record);
  if (record.event() == v1::AUDIT_EVENT_ENDED) text = OutcomeOf(record);
  if (record.event() == v1::AUDIT_EVENT_REFUSED) absl::StrAppend(&text, ": ", RefusalWord(record));
  if (record.refusals() > 1) absl::StrAppend(&text, " x", record.refusals());
  return Or(text, "?");
}

Color ColorOf(const v1::AuditRecord& record) {
  if (record.event() == v1::AUDIT_EVENT_REFUSED) return Color::kRed;
  const bool bad =
      record.outcome() == v1::OUTCOME_FAILED || record.outcome() == v1::OUTCOME_INTERRUPTED;
  return bad ? Color::kYellow : Color::kNone;
}

std::string Explanation(const v1::AuditRecord& record) {
  if (record.event() != v1::AUDIT_EVENT_REFUSED) return record.reason();
  return record.reason().empty() ? record.message()
                                 : absl::StrCat(record.reason(), "; refused: ", record.message());
}

TableRow ToRow(uint64_t sequence, const v1::AuditRecord& record) {
  return {{absl::StrCat(sequence),
           absl::FormatTime("%Y-%m-%d %H:%M:%S", absl::FromUnixMillis(record.at_unix_millis()),
                            absl::UTCTimeZone()),
           Or(record.command_id().substr(0, kShortIdLength), "-"), Or(ModeOf(record), "-"),
           ResultOf(record), Or(record.operator_name(), "-"),
           Or(absl::StrJoin(record.signers(), ","), "-"), Or(Explanation(record), "-")},
          ColorOf(record)};
}

Json ToJson(uint64_t sequence, const v1::AuditRecord& record) {
  return {{"sequence", sequence},
          {"at", Rfc3339(record.at_unix_millis())},
          {"event", EventWord(record)},
          {"command_id", record.command_id()},
          {"command_sha256", absl::BytesToHexString(record.command_sha256())},
          {"mode", ModeOf(record)},
          {"operator", record.operator_name()},
          {"reason", record.reason()},
          {"signers", std::vector<std::string>(record.signers().begin(), record.signers().end())},
          {"outcome", OutcomeOf(record)},
          {"refusal", RefusalWord(record)},
          {"message", record.message()},
          {"agent_version", record.agent_version()},
          {"refusals", record.refusals()},
          {"first_at", record.first_at_unix_millis() == 0
                           ? Json(nullptr)
                           : Json(Rfc3339(record.first_at_unix_millis()))}};
}

std::string Hex(const Sha256& digest) {
  return absl::BytesToHexString(std::string(digest.begin(), digest.end()));
}

}  // namespace

std::string RenderAudit(const AuditListing& listing, size_t columns, bool color) {
  if (listing.entries.empty()) return "";
  std::vector<TableRow> rows = {
      {{"ENTRY", "WHEN (UTC)", "COMMAND", "MODE", "RESULT", "OPERATOR", "SIGNERS", "REASON"}}};
  for (const auto& [sequence, record] : listing.entries) rows.push_back(ToRow(sequence, record));
  return RenderTable(rows, columns, color);
}

std::string AuditAsJson(const AuditListing& listing, int exit_code) {
  const AuditAnswer& answer = listing.answer;
  Json document = {{"node", listing.node},
                   {"verified", answer.verdict.ok()},
                   {"message", std::string(answer.verdict.message())},
                   {"exit_code", exit_code},
                   {"head", nullptr},
                   {"remembered", nullptr},
                   {"entries", Json::array()}};
  if (!answer.head_envelope.empty()) {
    document["head"] = {{"sequence", answer.head.sequence()},
                        {"chain_sha256", absl::BytesToHexString(answer.head.chain_sha256())},
                        {"first_sequence", answer.head.first_sequence()},
                        {"signed_at", Rfc3339(answer.head.now_unix_millis())}};
  }
  if (listing.remembered.has_value()) {
    document["remembered"] = {{"sequence", listing.remembered->sequence},
                              {"chain_sha256", Hex(listing.remembered->chain)}};
  }
  for (const auto& [sequence, record] : listing.entries) {
    document["entries"].push_back(ToJson(sequence, record));
  }
  return ToText(document);
}

}  // namespace bpa::controller
