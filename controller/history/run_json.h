// A run in `--output json`.
//
//   {"id", "verb", "mode": "plan|apply|verify", "reset": bool, "cluster", "operator", "reason",
//    "signers": [], "command_sha256", "issued_at", "started_at", "finished_at": null while it is
//    not, "result": "converged|differences|failed|unreachable|refused|unfinished|not sent",
//    "exit_code": null likewise, "sendings",
//    "nodes": [{"node", "role", "state": "reported|unreachable|refused|bad_report|not_sent|sent",
//               "outcome": "succeeded|failed|interrupted|", "code", "message",
//               "sent_at": null when it was not, "elapsed_seconds",
//               "counts": {"ok", "changed", "would_change", "failed", "skipped"}}]}
#ifndef BPA_CONTROLLER_HISTORY_RUN_JSON_H_
#define BPA_CONTROLLER_HISTORY_RUN_JSON_H_

#include <nlohmann/json_fwd.hpp>

#include "controller/history/run.h"

namespace bpa::controller {

nlohmann::ordered_json RunAsJson(const Run& run);

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_HISTORY_RUN_JSON_H_
