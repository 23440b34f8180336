#include "controller/cluster_template.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "controller/forms.h"
#include "controller/shipped_files.h"

namespace bpa::controller {
namespace {

constexpr int kShippedRoles = 4;

constexpr char kHeader[] = R"(# The cluster: its nodes, and what each of them has to be like.
#
#   bpactl plan      shows what differs on the nodes, and changes nothing
#   bpactl apply     makes the nodes as this file says
#   bpactl verify    says whether they still are
)";

constexpr char kNodesComment[] = R"(
# NODE: {address: HOST[:PORT], role: ROLE, volumes: {MOUNT POINT: VOLUME}}
# A volume is the EBS volume's id, or the path of a device where the node's policy allows that.
nodes:
)";

constexpr char kExampleNodes[] =
    R"(  # node-1: {address: 10.0.1.11:7443, role: bpa-node-1, volumes: {/opt: vol-0123456789abcdef0}}
  # node-2: {address: 10.0.2.12:7443, role: bpa-node-2, volumes: {/opt: vol-0123456789abcdef1}}
  # node-3: {address: 10.0.3.13:7443, role: bpa-node-3, volumes: {/opt: vol-0123456789abcdef2}}
  # node-4: {address: 10.0.1.14:7443, role: bpa-node-4, volumes: {/opt: vol-0123456789abcdef3}}
)";

absl::Status Bad(const std::string& argument, const std::string& what) {
  return absl::InvalidArgumentError(
      absl::StrCat("'", argument, "': ", what,
                   "; the form is NODE=ADDRESS[,role=ROLE][,volume=VOLUME-ID-OR-DEVICE]"));
}

// Quotes what YAML would take for a list, and nothing else.
std::string Quoted(const std::string& text) {
  return text.starts_with("[") ? absl::StrCat("\"", text, "\"") : text;
}

absl::Status ParsePart(const std::string& argument, const std::string& part, NodeArgument* node) {
  const std::pair<std::string, std::string> option = absl::StrSplit(part, absl::MaxSplits('=', 1));
  const auto& [key, value] = option;
  std::string problem;
  if (key == "role") {
    problem = NameProblem(value);
    node->role = value;
  } else if (key == "volume") {
    problem = value.starts_with("/") ? DevicePathProblem(value) : VolumeIdProblem(value);
    node->volume = value;
  } else {
    return Bad(argument, absl::StrCat("unknown option '", key, "'"));
  }
  if (problem.empty()) return absl::OkStatus();
  return Bad(argument, absl::StrCat(key, " '", value, "' ", problem));
}

}  // namespace

absl::StatusOr<NodeArgument> ParseNodeArgument(const std::string& argument, int position) {
  const std::vector<std::string> parts = absl::StrSplit(argument, ',');
  const size_t equals = parts[0].find('=');
  if (equals == std::string::npos) return Bad(argument, "the address is missing");
  NodeArgument node;
  node.name = parts[0].substr(0, equals);
  if (const std::string problem = NameProblem(node.name); !problem.empty()) {
    return Bad(argument, absl::StrCat("node name '", node.name, "' ", problem));
  }
  const std::string address_text = parts[0].substr(equals + 1);
  absl::StatusOr<std::string> address = NormalAddress(address_text);
  if (!address.ok()) {
    return Bad(argument, absl::StrCat("address '", address_text, "' ", address.status().message()));
  }
  node.address = *std::move(address);
  for (size_t i = 1; i < parts.size(); ++i) {
    if (absl::Status status = ParsePart(argument, parts[i], &node); !status.ok()) return status;
  }
  if (node.role.empty()) {
    if (position > kShippedRoles) return Bad(argument, "from the fifth node on, name the role");
    node.role = absl::StrCat("bpa-node-", position);
  }
  return node;
}

std::string RenderCluster(const std::string& cluster, const std::vector<NodeArgument>& nodes) {
  std::string text = absl::StrCat(kHeader, "cluster: ", cluster, "\n", kNodesComment);
  if (nodes.empty()) text.append(kExampleNodes);
  for (const NodeArgument& node : nodes) {
    absl::StrAppend(&text, "  ", node.name, ":\n    address: ", Quoted(node.address),
                    "\n    role: ", node.role, "\n");
    if (node.volume.empty()) {
      absl::StrAppend(&text, "    # volumes: {/opt: vol-...}   fill in the EBS volume's id\n");
    } else {
      absl::StrAppend(&text, "    volumes: {/opt: ", node.volume, "}\n");
    }
  }
  return absl::StrCat(text, "\n", std::string(ShippedRoles()));
}

}  // namespace bpa::controller
