// The first cluster.yaml, as `bpactl init` writes it.
#ifndef BPA_CONTROLLER_CLUSTER_TEMPLATE_H_
#define BPA_CONTROLLER_CLUSTER_TEMPLATE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace bpa::controller {

// A node as the command line names it.
struct NodeArgument {
  std::string name;
  std::string address;  // with its port
  std::string role;
  std::string volume;  // for /opt; empty: to be filled in
};

// "NODE=ADDRESS[,role=ROLE][,volume=VOLUME-ID-OR-DEVICE]". `position` is 1-based: without a role
// the first four nodes get BPA's four roles in their order, and later ones must name theirs.
// InvalidArgument says what is wrong with the argument.
absl::StatusOr<NodeArgument> ParseNodeArgument(const std::string& argument, int position);

// Readable and commented, with the shipped roles. Passes ParseCluster if there is a node and each
// has its volume.
std::string RenderCluster(const std::string& cluster, const std::vector<NodeArgument>& nodes);

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_CLUSTER_TEMPLATE_H_
