// What every verb that talks to nodes does: read the home, sign, keep, send, watch.
#ifndef BPA_CONTROLLER_SESSION_H_
#define BPA_CONTROLLER_SESSION_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "controller/command_builder.h"
#include "controller/fleet.h"
#include "controller/fleet_request.h"
#include "controller/history/recorder.h"
#include "controller/home.h"
#include "controller/prepared_packages.h"
#include "controller/verb.h"

namespace bpa::controller {

// A command as it is sent.
struct SignedCommand {
  v1::Command command;
  std::string envelope;
};

struct RunResult {
  std::vector<NodeResult> nodes;
  // Ctrl-C was pressed; some nodes may not have been sent to.
  bool interrupted = false;
};

class Session {
 public:
  // Reads cluster.yaml and selects `node_names` (all when empty). `global` must outlive it.
  static absl::StatusOr<Session> Open(const GlobalOptions& global,
                                      const std::vector<std::string>& node_names);

  const Cluster& cluster() const { return cluster_; }
  const std::vector<Node>& nodes() const { return nodes_; }
  const Home& home() const { return home_; }

  // Makes the manifests of the packages that `request` is about, if any; to be called before Sign.
  absl::Status Prepare(const FleetRequest& request);
  // Finds the content of a command that was signed before.
  absl::Status PrepareToSend(const v1::Command& command);

  // Builds a command for `nodes` and signs it with the home's key.
  absl::StatusOr<SignedCommand> Sign(const std::vector<Node>& nodes,
                                     const CommandOptions& options) const;
  // Keeps the command in the home and its history, sends it to `nodes`, with the packages' content
  // where it is an apply, and shows progress until the last has ended. Nothing is sent where there
  // is no room to keep it.
  absl::StatusOr<RunResult> Send(const std::vector<Node>& nodes, const SignedCommand& command,
                                 const FleetOptions& options) const;
  // Keeps a command that is only written to a file.
  absl::Status KeepUnsent(const SignedCommand& command) const;

 private:
  Session(const GlobalOptions& global, Home home) : global_(&global), home_(std::move(home)) {}

  FleetOptions ToSend(const v1::Command& command, const FleetOptions& options) const;
  void EndRecord(int exit_code, Recorder* recorder) const;

  const GlobalOptions* global_;
  std::string verb_;  // for the history
  Home home_;
  Cluster cluster_;
  std::vector<Node> nodes_;
  PreparedPackages packages_;
};

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_SESSION_H_
