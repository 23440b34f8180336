// The words and marks that reports are shown with, shared by everything that prints them.
#ifndef BPA_CONTROLLER_REPORT_TEXT_H_
#define BPA_CONTROLLER_REPORT_TEXT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "bpa/v1/report.pb.h"
#include "controller/fleet.h"

namespace bpa::controller {

// "volume", "reset", "directory", "sysctl"; "resource" for what a newer node may say. The statuses,
// modes and states likewise: one lower-case word each, the same in text and in JSON.
std::string KindWord(v1::ResourceKind kind);
std::string StatusWord(v1::ResourceStatus status);
std::string OutcomeWord(v1::Outcome outcome);
std::string ModeWord(v1::Mode mode);
std::string StateWord(NodeState state);

// `text` with control characters as \xNN, so that neither a node nor what stands between can move
// the cursor. Line feeds become line feed and `indent` spaces.
std::string Printable(const std::string& text, size_t indent = 0);

enum class Color { kNone, kGreen, kYellow, kRed, kDim, kBold };
// `text` in `color` where `enabled`, else as it is.
std::string Paint(const std::string& text, Color color, bool enabled);

struct Counts {
  int ok = 0;
  int changed = 0;
  int would_change = 0;
  int failed = 0;
  int skipped = 0;
};
Counts CountResources(const v1::Report& report);

// What to do about a result that is not a report: one sentence, or empty when the status already
// says it.
std::string Advice(const NodeResult& result);

// "512 B", "31.2 GiB".
std::string ByteText(uint64_t bytes);

// "4 nodes", "1 node", "2 entries".
std::string Plural(size_t count, const std::string& noun);

// Why resources of one report were skipped: each reason once, with how many it held back.
struct SkipReason {
  std::string message;
  std::vector<std::string> names;  // "directory /opt/bpa/data/kafka1"
};
std::vector<SkipReason> SkipReasons(const v1::Report& report);

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_REPORT_TEXT_H_
