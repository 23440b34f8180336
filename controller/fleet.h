// Sends one command to many nodes at once, over gRPC's asynchronous API.
#ifndef BPA_CONTROLLER_FLEET_H_
#define BPA_CONTROLLER_FLEET_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "bpa/v1/agent_service.pb.h"
#include "bpa/v1/report.pb.h"
#include "controller/cluster.h"
#include "controller/home.h"
#include "controller/staging/content_supplier.h"

namespace bpa::controller {

enum class NodeState {
  kNotSent,      // stopped before its turn (--max-failures, Ctrl-C)
  kReported,     // a report came, and its signature is the pinned node key's
  kUnreachable,  // no answer; `status` says why and whether the command may have run
  kRefused,      // the node refused the command; `status` says why
  kBadReport,    // a report came that is not signed by the pinned key, or is for another command
};

struct NodeResult {
  std::string node;
  NodeState state = NodeState::kNotSent;
  absl::Status status;
  v1::Report report;            // kReported
  std::string report_envelope;  // as received
  // By destination: what the node said last of how far each package was. Not signed.
  std::map<std::string, v1::PackageProgress> packages;
  absl::Duration elapsed;
};

struct FleetOptions {
  int concurrency = 32;
  // Nodes per batch; 0 means all at once. The next batch starts when the last has ended.
  int batch = 0;
  // Stop starting nodes once more than this many have failed, refused or not answered; -1: never.
  int max_failures = -1;
  absl::Duration connect_timeout = absl::Seconds(10);
  absl::Duration command_timeout = absl::Minutes(30);
  // How often the same bytes are sent again after a lost connection.
  int retries = 3;
  // Not null: the command is an APPLY with packages and goes by Stage; nodes are sent what they ask
  // for. Must outlive the run.
  ContentSupplier* content = nullptr;
  // Bytes of content per second over all nodes; 0: as fast as they take it.
  uint64_t limit_rate = 0;
};

// Calls come from the thread that called Run, one at a time.
struct FleetObserver {
  std::function<void(const std::string& node)> started;
  std::function<void(const std::string& node, const v1::Progress&)> progressed;
  std::function<void(const NodeResult&)> finished;
};

// Sends `envelope` to `nodes` and returns a result for each, in their order. Failures of nodes are
// results, not errors. `stop` set (Ctrl-C): starts nothing more and collects what is under way.
std::vector<NodeResult> RunCommand(const std::vector<Node>& nodes, const ClientIdentity& identity,
                                   const Home& home, const std::string& command_id,
                                   std::string_view envelope, const FleetOptions& options,
                                   const FleetObserver& observer, const std::atomic<bool>& stop);

struct DescribeResult {
  std::string node;
  absl::Status status;
  v1::DescribeResponse description;
  // Bastion clock minus node clock, round trip halved.
  absl::Duration clock_offset;
};

// `stop`, where given, is asked often; once it is true, whoever has not answered yet does not.
std::vector<DescribeResult> DescribeNodes(const std::vector<Node>& nodes,
                                          const ClientIdentity& identity,
                                          const FleetOptions& options,
                                          const std::function<bool()>& stop = nullptr);

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_FLEET_H_
