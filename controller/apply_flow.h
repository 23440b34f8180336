// The steps of `apply` and of the verbs that are an apply of one part: plan, show, ask, change,
// recap.
#ifndef BPA_CONTROLLER_APPLY_FLOW_H_
#define BPA_CONTROLLER_APPLY_FLOW_H_

#include <string>
#include <string_view>
#include <vector>

#include "controller/fleet_request.h"
#include "controller/session.h"
#include "controller/verb.h"

namespace bpa::controller {

// Returns the exit code and has printed what there is to say.
//
// Without `yes`: plans, shows, asks on the terminal, and applies bound to that plan, so that a node
// that has moved since refuses. Emptying directories is confirmed apart, with the cluster's name.
// With `yes`: one round, bound only where a plan file is given. Where nobody can be asked and `yes`
// is missing, nothing is sent.
int RunApply(const GlobalOptions& global, const FleetRequest& request);

// Sends the command in `request.signed_file` as it is to its targets, after the same questions.
int RunSigned(const GlobalOptions& global, const FleetRequest& request);

// OK if this may be asked about or need not be: the terminal is there or `yes` is given, and a
// reset of `cluster` without a question carries its name.
absl::Status CheckConfirmable(const GlobalOptions& global, const FleetRequest& request, bool reset,
                              const std::string& cluster);

// Asks `question` and true for exactly `answer`.
bool AskFor(const GlobalOptions& global, std::string_view question, std::string_view answer);

struct Sending {
  std::vector<Node> nodes;
  SignedCommand command;
  FleetOptions options;
  // Results of nodes that this is not sent to, to be shown with the others.
  std::vector<NodeResult> earlier;
  // The operator has seen the changes as a plan: the recap is enough.
  bool changes_seen = false;
};

// Sends, prints recap or JSON in the order of session.nodes(), and returns the exit code.
int SendAndReport(const GlobalOptions& global, const Session& session, const Sending& sending);

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_APPLY_FLOW_H_
