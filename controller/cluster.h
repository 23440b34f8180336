// cluster.yaml: the inventory and the desired state, as the administrator wrote them.
#ifndef BPA_CONTROLLER_CLUSTER_H_
#define BPA_CONTROLLER_CLUSTER_H_

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bpa/v1/command.pb.h"
#include "controller/packages.h"

namespace bpa::controller {

inline constexpr int kDefaultPort = 7443;

struct Node {
  std::string name;     // as in the node's agent.yaml and certificate
  std::string address;  // "10.0.1.11:7443"; numeric IPv4, "[v6]:port" or host name
  std::string role;     // a key of `roles`
  std::vector<v1::VolumeSource> volumes;
};

struct Cluster {
  std::string name;
  std::vector<Node> nodes;      // in the document's order; names unique
  std::vector<v1::Role> roles;  // likewise; without packages
  // By role: its own and those of the whole cluster. What is in them is not known yet.
  std::map<std::string, std::vector<PackageSource>> packages;
};

// Fails with InvalidArgument, "FILE:LINE:COLUMN: what: suggestion", for anything unknown, missing,
// duplicated, of the wrong type or dangling (a node's role that is not defined, a volume source for
// a mount point that the role does not have, or a role's volume without a source). Packages'
// sources are relative to the directory of `file_name`; nothing looks whether they exist.
absl::StatusOr<Cluster> ParseCluster(std::string_view text, std::string_view file_name);

// The nodes that `names` selects, in the cluster's order; all when empty. NotFound names the
// unknown one and suggests.
absl::StatusOr<std::vector<Node>> SelectNodes(const Cluster& cluster,
                                              const std::vector<std::string>& names);

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_CLUSTER_H_
