// What a plan or a verification found, as text that reads like a diff.
#ifndef BPA_CONTROLLER_RENDER_PLAN_H_
#define BPA_CONTROLLER_RENDER_PLAN_H_

#include <string>
#include <vector>

#include "controller/fleet.h"

namespace bpa::controller {

// Each difference as a line under its resource, marked `+` (new), `~` (changed) or `-` (removed or
// wiped), resource by resource in the order of the report, which is the order of the apply.
// Problems are marked `!`, what they hold back `?`. Nodes that would read the same share one
// section; nodes that did not report have a section with the reason. `color` adds terminal colours
// and changes no character besides.
std::string RenderChanges(const std::vector<NodeResult>& results, bool color);

// One resource with its changes and its message, as RenderChanges shows it.
std::string RenderResource(const v1::ResourceResult& resource, bool color);

// '+', '~' or '-'.
char ChangeMark(v1::ResourceKind kind, const v1::Change& change);

// RenderChanges and a summary: "Plan: 12 new, 3 changed, 1 wiped on 3 of 4 nodes." For a
// verification it speaks of drift.
std::string RenderPlan(const std::vector<NodeResult>& results, v1::Mode mode, bool color);

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_RENDER_PLAN_H_
