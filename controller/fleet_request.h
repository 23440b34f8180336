// What the verbs that talk to nodes are asked for, and the options by which they are asked.
#ifndef BPA_CONTROLLER_FLEET_REQUEST_H_
#define BPA_CONTROLLER_FLEET_REQUEST_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "controller/command_builder.h"
#include "controller/fleet.h"
#include "controller/prepared_packages.h"

namespace CLI {
class App;
}

namespace bpa::controller {

struct FleetRequest {
  std::vector<std::string> nodes;  // empty: all, or the signed command's
  RoleParts parts;
  // This package in place of the cluster's.
  std::optional<StagingWish> staging;
  bool reset = false;
  bool yes = false;
  bool plan_only = false;
  std::string confirm_reset;  // the cluster's name, where nobody can be asked
  std::string plan_file;      // a reviewed plan to be bound to
  std::string signed_file;    // send this command as it is
  std::string write_file;     // write the signed command there and send nothing
  std::string out_file;       // save the plan there
  std::string reason;
  absl::Duration validity = absl::Minutes(10);
  FleetOptions fleet;
};

// An option for a duration above zero: "30s", "5m".
void AddDuration(CLI::App& verb, const char* name, absl::Duration* value, const char* help);

// Each adds options that fill `request`, which must outlive the parse.
//
// NODE..., --timeout, --connect-timeout, --retries: for whatever talks to nodes.
void AddNodeOptions(CLI::App& verb, FleetRequest* request);
// The above, --reason, --concurrency: for whatever sends a command.
void AddCommandOptions(CLI::App& verb, FleetRequest* request);
// The above, and all that concerns changing something: --yes, --batch, --plan, --limit-rate and so
// on.
void AddApplyOptions(CLI::App& verb, FleetRequest* request);
// --reset and --confirm-reset.
void AddResetOptions(CLI::App& verb, FleetRequest* request);

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_FLEET_REQUEST_H_
