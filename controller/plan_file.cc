#include "controller/plan_file.h"

#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "controller/output_json.h"
#include "controller/report_text.h"
#include "proto/fingerprint.h"

namespace bpa::controller {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kFormat[] = "bpa-plan/1";

std::string Fingerprint(const v1::ResourceResult& resource, const v1::Change& change) {
  return ChangeFingerprint(resource.kind(), resource.name(), change.aspect(), change.before(),
                           change.after());
}

Json PartsToJson(const RoleParts& parts) {
  Json list = Json::array();
  if (parts.volumes) list.push_back("volumes");
  if (parts.directories) list.push_back("directories");
  if (parts.sysctls) list.push_back("sysctls");
  if (parts.packages) list.push_back("packages");
  return list;
}

RoleParts PartsFromJson(const Json& list) {
  RoleParts parts{.volumes = false, .directories = false, .sysctls = false, .packages = false};
  for (const Json& part : list) {
    const std::string name = part.get<std::string>();
    if (name == "volumes") parts.volumes = true;
    if (name == "directories") parts.directories = true;
    if (name == "sysctls") parts.sysctls = true;
    if (name == "packages") parts.packages = true;
  }
  return parts;
}

absl::StatusOr<v1::ResourceKind> KindFromWord(const std::string& word) {
  constexpr std::array kKinds = {v1::RESOURCE_KIND_VOLUME, v1::RESOURCE_KIND_RESET,
                                 v1::RESOURCE_KIND_DIRECTORY, v1::RESOURCE_KIND_SYSCTL,
                                 v1::RESOURCE_KIND_PACKAGE};
  for (const v1::ResourceKind kind : kKinds) {
    if (KindWord(kind) == word) return kind;
  }
  return absl::InvalidArgumentError(absl::StrCat("the plan holds an unknown kind \"", word, "\""));
}

absl::Status ReadNode(const Json& node, SavedPlan* plan) {
  v1::ReviewedPlan reviewed;
  reviewed.set_plan_id(plan->plan_id);
  for (const Json& change : node.at("changes")) {
    const auto text = [&](const char* key) { return change.at(key).get<std::string>(); };
    absl::StatusOr<v1::ResourceKind> kind = KindFromWord(text("kind"));
    if (!kind.ok()) return kind.status();
    reviewed.add_change_sha256(
        ChangeFingerprint(*kind, text("name"), text("aspect"), text("before"), text("after")));
  }
  plan->nodes[node.at("node").get<std::string>()] = std::move(reviewed);
  return absl::OkStatus();
}

absl::StatusOr<SavedPlan> ReadPlan(const Json& document) {
  if (document.at("format").get<std::string>() != kFormat) {
    return absl::InvalidArgumentError(absl::StrCat("not a plan of the format ", kFormat));
  }
  SavedPlan plan;
  plan.plan_id = document.at("plan_id").get<std::string>();
  plan.cluster = document.at("cluster").get<std::string>();
  plan.reset = document.at("reset").get<bool>();
  plan.parts = PartsFromJson(document.at("parts"));
  for (const Json& node : document.at("nodes")) {
    if (absl::Status read = ReadNode(node, &plan); !read.ok()) return read;
  }
  return plan;
}

}  // namespace

std::map<std::string, v1::ReviewedPlan> Reviewed(const std::string& plan_id,
                                                 const std::vector<NodeResult>& plan) {
  std::map<std::string, v1::ReviewedPlan> nodes;
  for (const NodeResult& result : plan) {
    if (result.state != NodeState::kReported) continue;
    v1::ReviewedPlan& reviewed = nodes[result.node];
    reviewed.set_plan_id(plan_id);
    for (const v1::ResourceResult& resource : result.report.resources()) {
      for (const v1::Change& change : resource.changes()) {
        reviewed.add_change_sha256(Fingerprint(resource, change));
      }
    }
  }
  return nodes;
}

std::string EncodePlan(const v1::Command& command, const RoleParts& parts,
                       const std::vector<NodeResult>& plan) {
  Json nodes = Json::array();
  for (const NodeResult& result : plan) {
    if (result.state != NodeState::kReported) continue;
    Json changes = Json::array();
    for (const v1::ResourceResult& resource : result.report.resources()) {
      for (const v1::Change& change : resource.changes()) {
        changes.push_back({{"kind", KindWord(resource.kind())},
                           {"name", resource.name()},
                           {"aspect", change.aspect()},
                           {"before", change.before()},
                           {"after", change.after()}});
      }
    }
    nodes.push_back({{"node", result.node}, {"changes", std::move(changes)}});
  }
  return ToText({{"format", kFormat},
                 {"plan_id", command.id()},
                 {"cluster", command.cluster()},
                 {"reset", command.reset_directories()},
                 {"parts", PartsToJson(parts)},
                 {"nodes", std::move(nodes)}});
}

absl::StatusOr<SavedPlan> DecodePlan(std::string_view text) {
  // nlohmann-json reports missing keys and wrong types by throwing; it stops here.
  try {
    return ReadPlan(Json::parse(text));
  } catch (const Json::exception& error) {
    return absl::InvalidArgumentError(absl::StrCat("not a plan: ", error.what()));
  }
}

}  // namespace bpa::controller
