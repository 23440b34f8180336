// One command and what became of it, node by node: what the history says, unsigned. The signed
// command and the signed reports are kept beside it and prove it (evidence.h).
#ifndef BPA_CONTROLLER_HISTORY_RUN_H_
#define BPA_CONTROLLER_HISTORY_RUN_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "bpa/v1/command.pb.h"
#include "controller/fleet.h"
#include "controller/report_check.h"
#include "controller/report_text.h"

namespace bpa::controller {

// Beside the words of StateWord: it was sent there, and bpactl has not seen its end.
inline constexpr std::string_view kSentState = "sent";

struct NodeRun {
  std::string node;
  std::string role;
  std::string state = "not_sent";
  std::string outcome;  // OutcomeWord of its report
  std::string code;     // the status's word: "OK", "PERMISSION_DENIED"
  std::string message;  // why it refused, was not reached, was not believed
  absl::Time sent_at = absl::InfinitePast();
  absl::Duration elapsed;
  Counts counts;
  int exit_code = 0;  // what a command for this node alone exits with
};

struct Run {
  std::string id;
  std::string verb;  // as typed: "apply", "stage"; "apply --signed", "apply --write"
  std::string mode;  // ModeWord
  bool reset = false;
  std::string cluster;
  std::string operator_name;
  std::string reason;
  std::vector<std::string> signers;  // names, and ids of keys that have none here
  std::string command_sha256;        // raw
  absl::Time issued_at = absl::InfinitePast();
  absl::Time started_at = absl::InfinitePast();
  // InfinitePast: it is under way, or bpactl was ended before it was over.
  absl::Time finished_at = absl::InfinitePast();
  int exit_code = 0;
  int sendings = 0;
  std::vector<NodeRun> nodes;  // all targets, in the command's order

  bool finished() const { return finished_at != absl::InfinitePast(); }
  size_t reported() const;
};

// What happened, in the order in which it did.
struct RunEvent {
  enum class Kind { kBegan, kSent, kEnded, kFinished };
  Kind kind = Kind::kBegan;
  absl::Time at;
  std::string verb;   // kBegan
  NodeRun node;       // kSent (its name), kEnded
  int exit_code = 0;  // kFinished
};

// A run of which nothing has happened yet.
Run NewRun(const SentCommand& sent, std::vector<std::string> signers);

// A command that is sent again goes on with its run: the first verb and beginning stay, and a
// report is not replaced by a later failure to reach the node, unless it said "interrupted".
void Apply(const RunEvent& event, Run* run);

// What a result is in the history.
NodeRun ToNodeRun(const NodeResult& result, absl::Time sent_at);

// "converged", "differences", "failed", "unreachable", "refused"; "unfinished"; "not sent" for a
// command that was only written to a file.
std::string ResultWord(const Run& run);

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_HISTORY_RUN_H_
