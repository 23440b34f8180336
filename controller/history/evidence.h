// What commands/<id>/ proves of one command, looked at anew each time: the signed command, the
// signed reports, and the log of what happened.
#ifndef BPA_CONTROLLER_HISTORY_EVIDENCE_H_
#define BPA_CONTROLLER_HISTORY_EVIDENCE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bpa/v1/report.pb.h"
#include "controller/history/known_signers.h"
#include "controller/history/run.h"
#include "controller/home.h"
#include "controller/report_check.h"

namespace bpa::controller {

struct ReportEvidence {
  std::string node;
  // OK: signed by the report key that is pinned for the node, or was before it was enrolled anew,
  // and an answer to this command.
  absl::Status verdict;
  v1::Report report;  // of a verdict that is OK
};

struct Evidence {
  std::string id;
  // The command as it can be read; whether it is proven is the signatures' to say.
  std::optional<SentCommand> sent;
  std::vector<SignatureCheck> signatures;
  std::vector<ReportEvidence> reports;  // by node name
  Run run;
  // What is kept and does not prove itself: "node-1.report.dsse: why".
  std::vector<std::string> problems;

  const ReportEvidence* report(std::string_view node) const;
};

// Never fails: what cannot be read is among the problems.
Evidence ReadEvidence(const Home& home, const std::string& id, const KnownSigners& signers);

// The run alone, without checking the reports' signatures again where there is a log.
Run ReadRun(const Home& home, const std::string& id, const KnownSigners& signers);

// Of all commands kept whose id begins so, newest first.
std::vector<std::string> CommandIds(const Home& home, std::string_view prefix);

// The one command whose id begins with `prefix`. InvalidArgument when it cannot be one's beginning
// or when several begin so, which it names; NotFound when none does.
absl::StatusOr<std::string> FindCommand(const Home& home, const std::string& prefix);

// 0 when the command has no log.
int64_t RunLogBytes(const std::string& directory);

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_HISTORY_EVIDENCE_H_
