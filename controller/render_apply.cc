#include "controller/render_apply.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controller/report_text.h"

namespace bpa::controller {

std::vector<Node> NodesToApply(const std::vector<Node>& nodes,
                               const std::vector<NodeResult>& plan) {
  std::vector<Node> answering;
  for (size_t i = 0; i < nodes.size() && i < plan.size(); ++i) {
    if (plan[i].state == NodeState::kReported) answering.push_back(nodes[i]);
  }
  return answering;
}

bool HasChanges(const std::vector<NodeResult>& plan) {
  return std::any_of(plan.begin(), plan.end(), [](const NodeResult& result) {
    return CountResources(result.report).would_change > 0;
  });
}

std::string ApplyQuestion(const std::vector<NodeResult>& plan) {
  std::vector<std::string> silent;
  for (const NodeResult& result : plan) {
    if (result.state != NodeState::kReported) silent.push_back(result.node);
  }
  std::string question =
      absl::StrCat("Apply these changes to ", Plural(plan.size() - silent.size(), "node"));
  if (!silent.empty()) {
    absl::StrAppend(&question, " (not to ", absl::StrJoin(silent, ", "), ", which did not answer)");
  }
  return question + "?";
}

std::string ResetWarning(const std::vector<NodeResult>& plan) {
  std::string warning;
  for (const NodeResult& result : plan) {
    for (const v1::ResourceResult& resource : result.report.resources()) {
      if (resource.kind() != v1::RESOURCE_KIND_RESET || resource.changes().empty()) continue;
      absl::StrAppend(&warning, "  ", result.node, ": ", Printable(resource.name()), " (",
                      Printable(resource.changes(0).before(), 4), ")\n");
    }
  }
  return warning.empty() ? "" : "All data in these directories will be deleted:\n" + warning;
}

std::string ResetQuestion(const std::string& cluster) {
  return absl::StrCat("This cannot be undone. Type the cluster's name (", cluster, ") to wipe: ");
}

}  // namespace bpa::controller
