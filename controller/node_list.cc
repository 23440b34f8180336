// ParseNodeList and AddNodes: from Kubernetes' nodes to cluster.yaml.
#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "controller/cluster.h"
#include "controller/forms.h"
#include "controller/nodes_import.h"
#include "proto/limits.h"
#include "proto/yaml/strict_yaml.h"

namespace bpa::controller {
namespace {

using nlohmann::json;

constexpr int kMaxDepth = 32;
constexpr int kPaperNodes = 4;

// What a person is shown of a text that anybody may have written.
std::string Shown(const std::string& text) { return absl::Utf8SafeCEscape(text.substr(0, 128)); }

// The string at `path`, or empty.
std::string StringAt(const json& value, std::initializer_list<const char*> path) {
  const json* at = &value;
  for (const char* key : path) {
    if (!at->is_object()) return "";
    const auto found = at->find(key);
    if (found == at->end()) return "";
    at = &*found;
  }
  return at->is_string() ? at->get<std::string>() : "";
}

std::string InternalAddress(const json& item) {
  const auto status = item.find("status");
  if (status == item.end() || !status->is_object()) return "";
  const auto addresses = status->find("addresses");
  if (addresses == status->end() || !addresses->is_array()) return "";
  for (const json& address : *addresses) {
    if (StringAt(address, {"type"}) == "InternalIP") return StringAt(address, {"address"});
  }
  return "";
}

// "bpa-node-2" for "node-2": the paper names a node by its role.
std::string RoleOf(const std::string& name) {
  int number = 0;
  if (!absl::StartsWith(name, "node-") || !absl::SimpleAtoi(name.substr(5), &number)) return "";
  return number >= 1 && number <= kPaperNodes ? absl::StrCat("bpa-node-", number) : "";
}

absl::StatusOr<ImportedNode> ReadNode(const json& item) {
  if (!item.is_object()) return absl::InvalidArgumentError("an item that is no object");
  ImportedNode node;
  const std::string kubernetes_name = StringAt(item, {"metadata", "name"});
  const std::string label = StringAt(item, {"metadata", "labels", "name"});
  node.name = label.empty() ? kubernetes_name : label;
  const std::string where = absl::StrCat("node '", Shown(kubernetes_name), "': ");
  if (const std::string problem = NameProblem(node.name); !problem.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(where,
                                                   label.empty() ? "its name" : "its label name",
                                                   " '", Shown(node.name), "' ", problem));
  }
  node.role = RoleOf(label);
  const std::string address = InternalAddress(item);
  const absl::StatusOr<std::string> normal = NormalAddress(address);
  if (!normal.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat(where, "its InternalIP '", Shown(address), "' ", normal.status().message()));
  }
  node.address = *normal;
  // aws:///us-east-1a/i-0123456789abcdef0
  const std::vector<std::string> provider =
      absl::StrSplit(StringAt(item, {"spec", "providerID"}), '/');
  const auto plain = [](const std::string& text) {
    return text.size() <= 64 && std::all_of(text.begin(), text.end(), [](unsigned char c) {
             return absl::ascii_isalnum(c) || c == '-';
           });
  };
  if (provider.size() == 5 && provider[0] == "aws:" && plain(provider[3]) && plain(provider[4])) {
    node.zone = provider[3];
    node.instance_id = provider[4];
  }
  return node;
}

// Each node has its own name and address.
absl::Status CheckDistinct(const std::vector<ImportedNode>& nodes) {
  std::map<std::string, std::string> by_name;
  std::map<std::string, std::string> by_address;
  for (const ImportedNode& node : nodes) {
    if (!by_name.emplace(node.name, node.address).second) {
      return absl::InvalidArgumentError(absl::StrCat("two nodes are called '", node.name, "' (",
                                                     by_name[node.name], " and ", node.address,
                                                     "): give each its own label name=node-N"));
    }
    if (!by_address.emplace(node.address, node.name).second) {
      return absl::InvalidArgumentError(absl::StrCat("nodes '", by_address[node.address], "' and '",
                                                     node.name, "' have one address, ",
                                                     node.address));
    }
  }
  return absl::OkStatus();
}

std::string Render(const ImportedNode& node, const std::string& indent) {
  const std::string inner = absl::StrCat(indent, "  ");
  const std::string address =
      absl::StartsWith(node.address, "[") ? absl::StrCat("\"", node.address, "\"") : node.address;
  std::string text = absl::StrCat(indent, node.name, ":\n", inner, "address: ", address, "\n");
  if (node.role.empty()) {
    absl::StrAppend(&text, inner, "# role: ...   one of `roles` below\n");
  } else {
    absl::StrAppend(&text, inner, "role: ", node.role, "\n");
  }
  const std::string instance =
      node.instance_id.empty() ? "" : absl::StrCat(" of ", node.instance_id, " in ", node.zone);
  absl::StrAppend(&text, inner, "# volumes: {/opt: vol-...}   fill in the EBS volume's id",
                  instance, "\n");
  return text;
}

// Where new entries go, and how far they are indented.
struct Place {
  size_t offset;
  std::string indent;
};

absl::StatusOr<Place> FindPlace(const std::string& text, const std::string& file_name) {
  bool inside = false;
  std::optional<Place> place;
  for (size_t begin = 0; begin < text.size();) {
    const size_t newline = text.find('\n', begin);
    const size_t end = newline == std::string::npos ? text.size() : newline + 1;
    const std::string line = text.substr(begin, end - begin);
    const std::string content(absl::StripAsciiWhitespace(line));
    if (!inside && absl::StartsWith(line, "nodes:")) {
      const std::string rest(absl::StripAsciiWhitespace(line.substr(6)));
      if (!rest.empty() && rest[0] != '#') break;
      inside = true;
      place = Place{.offset = end, .indent = ""};
    } else if (inside && !content.empty()) {
      const size_t spaces = line.find_first_not_of(' ');
      if (spaces == 0 && content[0] != '#') break;
      if (spaces > 0) place->offset = end;
      if (place->indent.empty() && content[0] != '#') place->indent = std::string(spaces, ' ');
    }
    begin = end;
  }
  if (!place) {
    return absl::InvalidArgumentError(
        absl::StrCat(file_name,
                     ": nodes are added only to a block `nodes:` with an entry per line; write it "
                     "so, or add them by hand"));
  }
  if (place->indent.empty()) place->indent = "  ";
  return *place;
}

using Addresses = std::map<std::string, std::string>;

// The nodes that the file has, by name. The rest of it may still be incomplete.
absl::StatusOr<Addresses> ReadAddresses(const std::string& text, const std::string& file_name) {
  const absl::StatusOr<yaml::Value> root = yaml::Parse(text, file_name);
  if (!root.ok()) return root.status();
  Addresses addresses;
  const std::optional<yaml::Value> nodes = root->Find("nodes");
  if (!nodes) return addresses;
  const absl::StatusOr<std::vector<std::string>> names = nodes->Keys(kMaxTargets);
  // An empty `nodes:`, as `bpactl init` writes it.
  if (!names.ok()) return addresses;
  for (const std::string& name : *names) {
    const absl::StatusOr<yaml::Value> node = nodes->Get(name);
    if (!node.ok()) return node.status();
    const absl::StatusOr<yaml::Value> value = node->Get("address");
    if (!value.ok()) return value.status();
    const absl::StatusOr<std::string> address = value->String();
    if (!address.ok()) return address.status();
    const absl::StatusOr<std::string> normal = NormalAddress(*address);
    addresses[name] = normal.ok() ? *normal : *address;
  }
  return addresses;
}

absl::Status CheckAgainst(const Addresses& present, const ImportedNode& node,
                          const std::string& file_name) {
  for (const auto& [name, address] : present) {
    if (name == node.name && address != node.address) {
      return absl::InvalidArgumentError(absl::StrCat(
          "node '", name, "' is at ", address, " in ", file_name, " and at ", node.address,
          " in Kubernetes: if the instance was replaced, correct the address (and the volume) "
          "there"));
    }
    if (address == node.address && name != node.name) {
      return absl::InvalidArgumentError(absl::StrCat(
          "address ", address, " is that of node '", name, "' in ", file_name, " and of '",
          node.name, "' in Kubernetes: correct the name there, or the node's label `name`"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<ImportedNode>> ParseNodeList(std::string_view text) {
  if (text.size() > kMaxNodeListBytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the list of nodes is larger than ", kMaxNodeListBytes, " bytes"));
  }
  const json::parser_callback_t shallow = [](int depth, json::parse_event_t, json&) {
    return depth <= kMaxDepth;
  };
  const json document = json::parse(text, shallow, /*allow_exceptions=*/false);
  if (document.is_discarded() || !document.is_object() || !document.contains("items") ||
      !document["items"].is_array()) {
    return absl::InvalidArgumentError(
        "expected the JSON of a NodeList: kubectl get nodes -o json | bpactl nodes import");
  }
  const json& items = document["items"];
  if (items.empty() || items.size() > kMaxTargets) {
    return absl::InvalidArgumentError(absl::StrCat("the list has ", items.size(),
                                                   " nodes; expected 1 to ", kMaxTargets,
                                                   ": select some with kubectl's -l"));
  }
  std::vector<ImportedNode> nodes;
  for (const json& item : items) {
    absl::StatusOr<ImportedNode> node = ReadNode(item);
    if (!node.ok()) return node.status();
    nodes.push_back(*std::move(node));
  }
  if (absl::Status s = CheckDistinct(nodes); !s.ok()) return s;
  return nodes;
}

absl::StatusOr<ImportResult> AddNodes(const std::string& cluster_text, const std::string& file_name,
                                      const std::vector<ImportedNode>& nodes) {
  const absl::StatusOr<Addresses> before = ReadAddresses(cluster_text, file_name);
  if (!before.ok()) return before.status();
  ImportResult result;
  Addresses expected = *before;
  const absl::StatusOr<Place> place = FindPlace(cluster_text, file_name);
  if (!place.ok()) return place.status();
  std::string addition;
  for (const ImportedNode& node : nodes) {
    if (absl::Status s = CheckAgainst(*before, node, file_name); !s.ok()) return s;
    const bool is_new = expected.emplace(node.name, node.address).second;
    (is_new ? result.added : result.present).push_back(node.name);
    if (is_new) addition += Render(node, place->indent);
  }
  const bool open_line = place->offset > 0 && cluster_text[place->offset - 1] != '\n';
  result.text = cluster_text;
  if (!addition.empty()) result.text.insert(place->offset, (open_line ? "\n" : "") + addition);
  // What was meant is what is there now; an unusual file is refused rather than damaged.
  const absl::StatusOr<Addresses> after = ReadAddresses(result.text, file_name);
  if (after.ok() && *after == expected) return result;
  return absl::InvalidArgumentError(
      absl::StrCat(file_name, ": nodes cannot be added where its `nodes` are; add them by hand"));
}

}  // namespace bpa::controller
