#include "controller/cluster.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controller/directories.h"
#include "controller/forms.h"
#include "controller/roles.h"
#include "proto/limits.h"
#include "proto/yaml/strict_yaml.h"

namespace bpa::controller {
namespace {

using yaml::Value;

// "; did you mean 'node-1'?" or nothing.
std::string DidYouMean(const std::string& word, const std::vector<std::string_view>& known) {
  const std::string suggestion = yaml::Suggestion(word, known);
  return suggestion.empty() ? "" : absl::StrCat("; ", suggestion);
}

template <typename Named, typename GetName>
std::vector<std::string_view> Names(const std::vector<Named>& items, GetName get_name) {
  std::vector<std::string_view> names;
  names.reserve(items.size());
  for (const Named& item : items) names.push_back(get_name(item));
  return names;
}

std::string_view RoleName(const v1::Role& role) { return role.name(); }
std::string_view NodeName(const Node& node) { return node.name; }

// Parses `nodes` against the roles, and remembers what only one node may have.
class NodesParser {
 public:
  explicit NodesParser(const std::vector<v1::Role>& roles) : roles_(roles) {}

  absl::StatusOr<Node> Parse(const std::string& name, const Value& value);

 private:
  absl::StatusOr<std::string> ParseAddress(const std::string& node, const Value& value);
  absl::StatusOr<const v1::Role*> ParseRole(const Value& value) const;
  absl::Status ParseVolumes(const v1::Role& role, const Value& value, Node* node);
  absl::StatusOr<v1::VolumeSource> ParseSource(const Node& node, const std::string& mount_point,
                                               const Value& value);

  const std::vector<v1::Role>& roles_;
  std::map<std::string, std::string> node_by_address_;
  std::map<std::string, std::string> user_by_volume_;
};

absl::StatusOr<Node> NodesParser::Parse(const std::string& name, const Value& value) {
  absl::Status status = value.ExpectKeys({"address", "role", "volumes"});
  if (!status.ok()) return status;
  if (const std::string problem = NameProblem(name); !problem.empty()) {
    return value.Error(absl::StrCat("node name '", name, "' ", problem));
  }
  Node node;
  node.name = name;
  absl::StatusOr<Value> address = value.Get("address");
  if (!address.ok()) return address.status();
  absl::StatusOr<std::string> normal = ParseAddress(name, *address);
  if (!normal.ok()) return normal.status();
  node.address = *std::move(normal);

  absl::StatusOr<Value> role_name = value.Get("role");
  if (!role_name.ok()) return role_name.status();
  absl::StatusOr<const v1::Role*> role = ParseRole(*role_name);
  if (!role.ok()) return role.status();
  node.role = (*role)->name();

  status = ParseVolumes(**role, value, &node);
  if (!status.ok()) return status;
  return node;
}

absl::StatusOr<std::string> NodesParser::ParseAddress(const std::string& node, const Value& value) {
  absl::StatusOr<std::string> text = value.String();
  if (!text.ok()) return text;
  absl::StatusOr<std::string> address = NormalAddress(*text);
  if (!address.ok()) {
    return value.Error(absl::StrCat("'", *text, "' ", address.status().message()));
  }
  const auto [other, is_new] = node_by_address_.emplace(*address, node);
  if (!is_new) {
    return value.Error(absl::StrCat("'", *text, "' is already the address of node '", other->second,
                                    "'; each node has its own"));
  }
  return address;
}

absl::StatusOr<const v1::Role*> NodesParser::ParseRole(const Value& value) const {
  absl::StatusOr<std::string> name = value.String();
  if (!name.ok()) return name.status();
  const auto role = std::find_if(roles_.begin(), roles_.end(),
                                 [&name](const v1::Role& r) { return r.name() == *name; });
  if (role != roles_.end()) return &*role;
  return value.Error(absl::StrCat("no role '", *name, "' under 'roles'",
                                  DidYouMean(*name, Names(roles_, RoleName))));
}

absl::Status NodesParser::ParseVolumes(const v1::Role& role, const Value& value, Node* node) {
  const std::optional<Value> section = value.Find("volumes");
  std::vector<std::string> mount_points;
  if (section.has_value()) {
    absl::StatusOr<std::vector<std::string>> keys = section->Keys(kMaxVolumesPerRole);
    if (!keys.ok()) return keys.status();
    mount_points = *std::move(keys);
  }
  std::vector<std::string_view> wanted;
  for (const v1::Volume& volume : role.volumes()) wanted.push_back(volume.mount_point());
  for (const std::string& mount_point : mount_points) {
    absl::StatusOr<Value> source = section->Get(mount_point);
    if (!source.ok()) return source.status();
    if (std::find(wanted.begin(), wanted.end(), mount_point) == wanted.end()) {
      return source->Error(absl::StrCat("role '", role.name(), "' has no volume at '", mount_point,
                                        "'", DidYouMean(mount_point, wanted)));
    }
    absl::StatusOr<v1::VolumeSource> parsed = ParseSource(*node, mount_point, *source);
    if (!parsed.ok()) return parsed.status();
    node->volumes.push_back(*std::move(parsed));
  }
  for (const v1::Volume& volume : role.volumes()) {
    const std::string& wants = volume.mount_point();
    if (std::find(mount_points.begin(), mount_points.end(), wants) != mount_points.end()) continue;
    return value.Error(absl::StrCat("no volume for '", wants, "', which role '", role.name(),
                                    "' mounts; write volumes: {", wants,
                                    ": vol-...} with the EBS volume's id, or a device's path"));
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::VolumeSource> NodesParser::ParseSource(const Node& node,
                                                          const std::string& mount_point,
                                                          const Value& value) {
  absl::StatusOr<std::string> text = value.String();
  if (!text.ok()) return text.status();
  const bool is_path = text->starts_with("/");
  const std::string problem = is_path ? DevicePathProblem(*text) : VolumeIdProblem(*text);
  if (!problem.empty()) {
    return value.Error(absl::StrCat("'", *text, "' ", problem));
  }
  // The same device name on two nodes is two disks; the same volume id is one.
  const std::string unique = is_path ? absl::StrCat(node.name, " ", *text) : *text;
  const std::string user = absl::StrCat("'", mount_point, "' of node '", node.name, "'");
  const auto [other, is_new] = user_by_volume_.emplace(unique, user);
  if (!is_new) {
    return value.Error(absl::StrCat("'", *text, "' is already the volume for ", other->second));
  }
  v1::VolumeSource source;
  source.set_mount_point(mount_point);
  if (is_path) {
    source.set_device_path(*text);
  } else {
    source.set_ebs_volume_id(*text);
  }
  return source;
}

absl::StatusOr<std::vector<Node>> ParseNodes(const Value& section,
                                             const std::vector<v1::Role>& roles) {
  absl::StatusOr<std::vector<std::string>> names = section.Keys(kMaxTargets);
  if (!names.ok()) return names.status();
  if (names->empty()) return section.Error("a cluster needs at least one node");
  NodesParser parser(roles);
  std::vector<Node> nodes;
  for (const std::string& name : *names) {
    absl::StatusOr<Value> value = section.Get(name);
    if (!value.ok()) return value.status();
    absl::StatusOr<Node> node = parser.Parse(name, *value);
    if (!node.ok()) return node.status();
    nodes.push_back(*std::move(node));
  }
  return nodes;
}

}  // namespace

absl::StatusOr<Cluster> ParseCluster(std::string_view text, std::string_view file_name) {
  absl::StatusOr<Value> root = yaml::Parse(text, file_name);
  if (!root.ok()) return root.status();
  absl::Status status = root->ExpectKeys({"cluster", "nodes", "roles", "packages"});
  if (!status.ok()) return status;

  Cluster cluster;
  absl::StatusOr<Value> name = root->Get("cluster");
  if (!name.ok()) return name.status();
  absl::StatusOr<std::string> name_text = name->String();
  if (!name_text.ok()) return name_text.status();
  if (const std::string problem = NameProblem(*name_text); !problem.empty()) {
    return name->Error(absl::StrCat("'", *name_text, "' ", problem));
  }
  cluster.name = *std::move(name_text);

  // Both sections are looked up first: a missing one is the nearer cause of a dangling name.
  absl::StatusOr<Value> nodes_section = root->Get("nodes");
  if (!nodes_section.ok()) return nodes_section.status();
  absl::StatusOr<Value> roles_section = root->Get("roles");
  if (!roles_section.ok()) return roles_section.status();
  absl::StatusOr<std::vector<v1::Role>> roles = ParseRoles(*roles_section);
  if (!roles.ok()) return roles.status();
  cluster.roles = *std::move(roles);
  absl::StatusOr<std::map<std::string, std::vector<PackageSource>>> packages =
      ParsePackages(*root, cluster.roles, ParentDirectory(std::string(file_name)));
  if (!packages.ok()) return packages.status();
  cluster.packages = *std::move(packages);
  absl::StatusOr<std::vector<Node>> nodes = ParseNodes(*nodes_section, cluster.roles);
  if (!nodes.ok()) return nodes.status();
  cluster.nodes = *std::move(nodes);
  return cluster;
}

absl::StatusOr<std::vector<Node>> SelectNodes(const Cluster& cluster,
                                              const std::vector<std::string>& names) {
  if (names.empty()) return cluster.nodes;
  const std::vector<std::string_view> known = Names(cluster.nodes, NodeName);
  for (const std::string& name : names) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    const std::string hint = DidYouMean(name, known);
    std::vector<std::string> list(known.begin(), known.end());
    return absl::NotFoundError(
        absl::StrCat("cluster '", cluster.name, "' has no node '", name, "'",
                     hint.empty() ? absl::StrCat("; it has ", absl::StrJoin(list, ", ")) : hint));
  }
  const std::set<std::string> wanted(names.begin(), names.end());
  std::vector<Node> selected;
  for (const Node& node : cluster.nodes) {
    if (wanted.contains(node.name)) selected.push_back(node);
  }
  return selected;
}

}  // namespace bpa::controller
