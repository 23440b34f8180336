// What is said before anything changes.
#ifndef BPA_CONTROLLER_RENDER_APPLY_H_
#define BPA_CONTROLLER_RENDER_APPLY_H_

#include <string>
#include <vector>

#include "controller/fleet.h"

namespace bpa::controller {

// The nodes that an apply after this plan is sent to: those that answered it. The others would
// not answer now either, and keep the plan's result in the recap.
std::vector<Node> NodesToApply(const std::vector<Node>& nodes, const std::vector<NodeResult>& plan);

// True if some node of the plan differs from what is wanted.
bool HasChanges(const std::vector<NodeResult>& plan);

// "Apply these changes to 3 nodes (not to node-3, which did not answer)?"
std::string ApplyQuestion(const std::vector<NodeResult>& plan);

// Names every directory that would be emptied, with its nodes; empty when there is none.
std::string ResetWarning(const std::vector<NodeResult>& plan);

// "This cannot be undone. Type the cluster's name (bpa-prod) to wipe: ".
std::string ResetQuestion(const std::string& cluster);

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_RENDER_APPLY_H_
