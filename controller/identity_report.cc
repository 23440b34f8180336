#include "controller/identity_report.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <ostream>

#include "absl/strings/str_cat.h"
#include "controller/output_json.h"
#include "controller/report_text.h"

namespace bpa::controller {
namespace {

// policy.max_clock_skew unless the node's agent.yaml says otherwise.
constexpr absl::Duration kForgivenOffset = absl::Minutes(2);

ExitCode CodeOf(const absl::Status& status) {
  if (status.ok()) return kExitConverged;
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status) ? kExitUnreachable
                                                                         : kExitRefused;
}

const char* StateOf(const absl::Status& status) {
  switch (CodeOf(status)) {
    case kExitConverged:
      return "done";
    case kExitUnreachable:
      return "unreachable";
    case kExitUsage:
    case kExitDifferences:
    case kExitFailed:
    case kExitRefused:
      break;
  }
  return "refused";
}

std::string AsText(const std::vector<IdentityLine>& lines, bool color) {
  size_t width = 0;
  for (const IdentityLine& line : lines) width = std::max(width, line.node.size());
  std::string text;
  for (const IdentityLine& line : lines) {
    const std::string name =
        absl::StrCat(line.node, std::string(width - line.node.size() + 2, ' '));
    const std::string what =
        line.status.ok() ? line.done
                         : absl::StrCat(StateOf(line.status), ": ",
                                        Printable(std::string(line.status.message()), width + 2));
    absl::StrAppend(&text, name, Paint(what, line.status.ok() ? Color::kNone : Color::kRed, color),
                    "\n");
    const std::string remark = ClockRemark(line.clock_offset);
    if (remark.empty()) continue;
    absl::StrAppend(&text, std::string(width + 2, ' '), "its clock is ", remark,
                    ": commands will be refused until it is set (check NTP on both)\n");
  }
  return text;
}

}  // namespace

std::string ClockRemark(absl::Duration offset) {
  const absl::Duration size = absl::AbsDuration(offset);
  if (size <= kForgivenOffset) return "";
  const int64_t minutes = absl::ToInt64Minutes(size);
  std::string span = absl::StrCat(minutes, " min");
  if (minutes >= 120) span = absl::StrCat(minutes / 60, " h");
  if (minutes >= 48 * 60) span = absl::StrCat(minutes / (24 * 60), " days");
  return absl::StrCat(span, offset < absl::ZeroDuration() ? " behind" : " ahead of",
                      " this machine's");
}

int ReportIdentities(const GlobalOptions& global, const std::vector<IdentityLine>& lines) {
  ExitCode worst = kExitConverged;
  for (const IdentityLine& line : lines) worst = std::max(worst, CodeOf(line.status));
  if (!global.json()) {
    global.out << AsText(lines, global.color) << std::flush;
    return worst;
  }
  nlohmann::ordered_json nodes = nlohmann::ordered_json::array();
  for (const IdentityLine& line : lines) {
    nodes.push_back({{"node", line.node},
                     {"state", StateOf(line.status)},
                     {"code", absl::StatusCodeToString(line.status.code())},
                     {"message", line.status.ok() ? line.done : std::string(line.status.message())},
                     {"clock_offset_seconds", absl::ToDoubleSeconds(line.clock_offset)}});
  }
  global.out << ToText({{"exit_code", static_cast<int>(worst)}, {"nodes", nodes}}) << std::flush;
  return worst;
}

}  // namespace bpa::controller
