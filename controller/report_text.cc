#include "controller/report_text.h"

#include <algorithm>
#include <string_view>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace bpa::controller {
namespace {

// "RESOURCE_KIND_VOLUME" as "volume": the schema's names are the words.
std::string Word(const std::string& enum_name, std::string_view prefix, const char* unknown) {
  if (!enum_name.starts_with(prefix) || enum_name.ends_with("_UNSPECIFIED")) return unknown;
  return absl::AsciiStrToLower(enum_name.substr(prefix.size()));
}

}  // namespace

std::string KindWord(v1::ResourceKind kind) {
  return Word(v1::ResourceKind_Name(kind), "RESOURCE_KIND_", "resource");
}

std::string StatusWord(v1::ResourceStatus status) {
  return Word(v1::ResourceStatus_Name(status), "RESOURCE_STATUS_", "unknown");
}

std::string OutcomeWord(v1::Outcome outcome) {
  return Word(v1::Outcome_Name(outcome), "OUTCOME_", "unknown");
}

std::string ModeWord(v1::Mode mode) { return Word(v1::Mode_Name(mode), "MODE_", "unknown"); }

std::string StateWord(NodeState state) {
  switch (state) {
    case NodeState::kNotSent:
      return "not_sent";
    case NodeState::kReported:
      return "reported";
    case NodeState::kUnreachable:
      return "unreachable";
    case NodeState::kRefused:
      return "refused";
    case NodeState::kBadReport:
      return "bad_report";
  }
  return "unknown";
}

std::string Printable(const std::string& text, size_t indent) {
  std::string printable;
  for (const char c : text) {
    if (c == '\n') {
      absl::StrAppend(&printable, "\n", std::string(indent, ' '));
    } else if (absl::ascii_iscntrl(static_cast<unsigned char>(c))) {
      absl::StrAppendFormat(&printable, "\\x%02x", static_cast<unsigned char>(c));
    } else {
      printable.push_back(c);
    }
  }
  return printable;
}

std::string Paint(const std::string& text, Color color, bool enabled) {
  if (!enabled || color == Color::kNone) return text;
  const char* code = "";
  switch (color) {
    case Color::kNone:
      break;
    case Color::kGreen:
      code = "32";
      break;
    case Color::kYellow:
      code = "33";
      break;
    case Color::kRed:
      code = "31";
      break;
    case Color::kDim:
      code = "2";
      break;
    case Color::kBold:
      code = "1";
      break;
  }
  return absl::StrCat("\x1b[", code, "m", text, "\x1b[0m");
}

Counts CountResources(const v1::Report& report) {
  Counts counts;
  for (const v1::ResourceResult& resource : report.resources()) {
    const v1::ResourceStatus status = resource.status();
    if (status == v1::RESOURCE_STATUS_UNCHANGED) ++counts.ok;
    if (status == v1::RESOURCE_STATUS_CHANGED) ++counts.changed;
    if (status == v1::RESOURCE_STATUS_WOULD_CHANGE) ++counts.would_change;
    if (status == v1::RESOURCE_STATUS_FAILED) ++counts.failed;
    if (status == v1::RESOURCE_STATUS_SKIPPED) ++counts.skipped;
  }
  return counts;
}

std::string Advice(const NodeResult& result) {
  if (result.state == NodeState::kBadReport) {
    return "Do not rely on this answer. If the node was reinstalled, its new report key must be "
           "pinned in nodes/<name>/report.pem; otherwise find out who answers at its address.";
  }
  if (result.state != NodeState::kRefused) return "";
  if (result.status.code() == absl::StatusCode::kUnauthenticated) {
    return "The node's /etc/bpa-agent/trusted-signers.d must hold the public key of who signed.";
  }
  if (result.status.code() == absl::StatusCode::kPermissionDenied) {
    return "The node's own policy in /etc/bpa-agent/agent.yaml decides; where it asks for more "
           "signers: apply --write FILE, bpactl sign, apply --signed FILE.";
  }
  if (result.status.code() == absl::StatusCode::kAborted) {
    return "Run this again when that command has finished.";
  }
  return "";
}

std::string ByteText(uint64_t bytes) {
  constexpr const char* kUnits[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes < 1024) return absl::StrCat(bytes, " B");
  auto value = static_cast<double>(bytes) / 1024;
  size_t unit = 0;
  // What would be shown as 1024.0 is 1.0 of the next.
  for (; value >= 1023.95; ++unit) value /= 1024;
  return absl::StrFormat("%.1f %s", value, kUnits[unit]);
}

std::string Plural(size_t count, const std::string& noun) {
  if (count == 1) return absl::StrCat("1 ", noun);
  if (noun.ends_with('y')) return absl::StrCat(count, " ", noun.substr(0, noun.size() - 1), "ies");
  return absl::StrCat(count, " ", noun, "s");
}

std::vector<SkipReason> SkipReasons(const v1::Report& report) {
  std::vector<SkipReason> reasons;
  for (const v1::ResourceResult& resource : report.resources()) {
    if (resource.status() != v1::RESOURCE_STATUS_SKIPPED) continue;
    auto reason = std::find_if(reasons.begin(), reasons.end(), [&](const SkipReason& known) {
      return known.message == resource.message();
    });
    if (reason == reasons.end()) {
      reasons.push_back({.message = resource.message()});
      reason = reasons.end() - 1;
    }
    reason->names.push_back(absl::StrCat(KindWord(resource.kind()), " ", resource.name()));
  }
  return reasons;
}

}  // namespace bpa::controller
