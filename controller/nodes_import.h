// `bpactl nodes import`: the inventory from what Kubernetes knows.
#ifndef BPA_CONTROLLER_NODES_IMPORT_H_
#define BPA_CONTROLLER_NODES_IMPORT_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controller/verb.h"

namespace bpa::controller {

// Beneath `nodes_verb`, which is `bpactl nodes`.
void RegisterNodesImport(CLI::App& nodes_verb, const GlobalOptions& global, int* exit_code);

// `kubectl get nodes -o json` of a large cluster.
inline constexpr size_t kMaxNodeListBytes = size_t{64} * 1024 * 1024;

struct ImportedNode {
  std::string name;
  std::string address;  // without port
  std::string role;     // empty: Kubernetes does not say
  std::string instance_id;
  std::string zone;
};

// The nodes of a NodeList, in its order. Named by their label `name`, which BPA's paper gives them
// (node-1 to node-4, and by that their role), else by Kubernetes' name. Takes hostile text:
// InvalidArgument names the node and the field that is missing or malformed.
absl::StatusOr<std::vector<ImportedNode>> ParseNodeList(std::string_view json);

struct ImportResult {
  // cluster.yaml with the new nodes; every byte that was there is there still.
  std::string text;
  std::vector<std::string> added;
  std::vector<std::string> present;
};

// InvalidArgument, naming both, when a node is there with another address, or an address with
// another node's name; or when `nodes` is not a block that can be added to.
absl::StatusOr<ImportResult> AddNodes(const std::string& cluster_text, const std::string& file_name,
                                      const std::vector<ImportedNode>& nodes);

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_NODES_IMPORT_H_
