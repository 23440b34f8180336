// What `bpactl enroll` and `bpactl renew` show of their nodes.
#ifndef BPA_CONTROLLER_IDENTITY_REPORT_H_
#define BPA_CONTROLLER_IDENTITY_REPORT_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "controller/verb.h"

namespace bpa::controller {

struct IdentityLine {
  std::string node;
  absl::Status status;
  // "enrolled", "renewed until 2027-11-25": when `status` is OK.
  std::string done;
  // The node's clock minus this machine's.
  absl::Duration clock_offset;
};

// Prints a line per node, and what to do about clocks that are apart; or for --output json
//   {"exit_code", "nodes": [{"node", "state": "done|unreachable|refused", "code", "message",
//                            "clock_offset_seconds"}]}
// Returns what bpactl exits with: kExitUnreachable for nodes that do not answer, kExitRefused for
// what was refused on either side, the worse of both.
int ReportIdentities(const GlobalOptions& global, const std::vector<IdentityLine>& lines);

// "3 h behind this machine's", "5 min ahead of this machine's"; empty when the clocks are less
// apart than what nodes forgive by default.
std::string ClockRemark(absl::Duration offset);

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_IDENTITY_REPORT_H_
