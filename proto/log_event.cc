#include "proto/log_event.h"

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"

namespace bpa {
namespace {

// An enum's value without its prefix: MODE_APPLY is "apply".
std::string Name(const std::string& value, const char* prefix) {
  const std::string name = absl::AsciiStrToLower(absl::StripPrefix(value, prefix));
  return name == "unspecified" ? "" : name;
}

void AddField(LogEvent& event, std::string_view name, const std::string& value) {
  if (!value.empty()) event.fields.push_back({name, absl::Utf8SafeCEscape(value)});
}

Severity SeverityOf(const v1::Ended& ended) {
  if (ended.refusal() == v1::REFUSAL_REASON_NODE) return Severity::kError;
  if (ended.refusal() != v1::REFUSAL_REASON_UNSPECIFIED) return Severity::kWarning;
  if (ended.again()) return Severity::kInfo;
  if (ended.outcome() != v1::OUTCOME_SUCCEEDED) return Severity::kWarning;
  return ended.mode() == v1::MODE_APPLY ? Severity::kNotice : Severity::kInfo;
}

}  // namespace

std::string ModeName(v1::Mode mode) { return Name(v1::Mode_Name(mode), "MODE_"); }

std::string RefusalName(v1::RefusalReason reason) {
  return Name(v1::RefusalReason_Name(reason), "REFUSAL_REASON_");
}

std::string ResultName(const v1::Ended& ended) {
  if (ended.refusal() != v1::REFUSAL_REASON_UNSPECIFIED) return "refused";
  return ended.again() ? "again" : Name(v1::Outcome_Name(ended.outcome()), "OUTCOME_");
}

LogEvent CommandEvent(const v1::Ended& ended) { return CommandEvent(ended, ResultName(ended)); }

LogEvent CommandEvent(const v1::Ended& ended, const std::string& result) {
  LogEvent event;
  const bool refused = ended.refusal() != v1::REFUSAL_REASON_UNSPECIFIED;
  event.severity = SeverityOf(ended);
  event.message_id = refused ? kCommandRefusedId : kCommandEndedId;
  AddField(event, "BPA_COMMAND_ID", ended.command_id());
  AddField(event, "BPA_SIGNERS", absl::StrJoin(ended.signers(), ","));
  AddField(event, "BPA_OPERATOR", ended.operator_name());
  AddField(event, "BPA_MODE", ModeName(ended.mode()));
  AddField(event, "BPA_RESULT", result);
  AddField(event, "BPA_REFUSAL", RefusalName(ended.refusal()));
  return event;
}

std::vector<JournalField> JournalFields(const LogEvent& event, const LogOrigin& origin) {
  std::vector<JournalField> fields = {
      {"MESSAGE", event.message},
      {"PRIORITY", absl::StrCat(static_cast<int>(event.severity))},
      {"SYSLOG_IDENTIFIER", origin.program},
  };
  if (!origin.node.empty()) fields.push_back({"BPA_NODE", origin.node});
  if (!event.message_id.empty()) fields.push_back({"MESSAGE_ID", std::string(event.message_id)});
  fields.insert(fields.end(), event.fields.begin(), event.fields.end());
  return fields;
}

}  // namespace bpa
