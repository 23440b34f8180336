// `bpactl history`.
#ifndef BPA_CONTROLLER_HISTORY_H_
#define BPA_CONTROLLER_HISTORY_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "controller/history/run.h"
#include "controller/verb.h"

namespace bpa::controller {

void RegisterHistory(CLI::App& app, const GlobalOptions& global, int* exit_code);

// A table, the runs in their order, in `columns` (0: as wide as it likes).
std::string RenderHistory(const std::vector<Run>& runs, size_t columns, bool color);

// {"commands": [RunAsJson...]}
std::string HistoryAsJson(const std::vector<Run>& runs);

// "2026-11-25", "2026-11-25T13:50:00Z" (RFC 3339), or a time before `now`: "90m", "24h", "7d".
absl::StatusOr<absl::Time> ParseMoment(const std::string& text, absl::Time now);

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_HISTORY_H_
