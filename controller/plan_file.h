// A reviewed plan in a file: `plan --out FILE`, `apply --plan FILE`.
//
// JSON: {"format": "bpa-plan/1", "plan_id", "cluster", "reset": bool,
//        "parts": ["volumes", "directories", "sysctls"],
//        "nodes": [{"node", "changes": [{"kind", "name", "aspect", "before", "after"}]}]}
//
// It holds the differences in words, and the fingerprints that bind an apply are computed from
// those words: what a reviewer reads is what the nodes are held to, also when the file was edited.
#ifndef BPA_CONTROLLER_PLAN_FILE_H_
#define BPA_CONTROLLER_PLAN_FILE_H_

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "bpa/v1/command.pb.h"
#include "controller/command_builder.h"
#include "controller/fleet.h"

namespace bpa::controller {

struct SavedPlan {
  std::string plan_id;
  std::string cluster;
  bool reset = false;
  RoleParts parts;
  // By node; only nodes that reported.
  std::map<std::string, v1::ReviewedPlan> nodes;
};

// What the nodes answered to the PLAN command `plan_id`, as the nodes' apply is to be bound to it.
std::map<std::string, v1::ReviewedPlan> Reviewed(const std::string& plan_id,
                                                 const std::vector<NodeResult>& plan);

std::string EncodePlan(const v1::Command& command, const RoleParts& parts,
                       const std::vector<NodeResult>& plan);

// InvalidArgument names the key that is missing, unknown in form or too long.
absl::StatusOr<SavedPlan> DecodePlan(std::string_view text);

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_PLAN_FILE_H_
