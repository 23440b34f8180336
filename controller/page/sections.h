// The parts of the page.
#ifndef BPA_CONTROLLER_PAGE_SECTIONS_H_
#define BPA_CONTROLLER_PAGE_SECTIONS_H_

#include <string>

#include "controller/page/html.h"
#include "controller/page/page.h"

namespace bpa::controller {

// A coloured word: `kind` is "good", "warn", "bad" or "calm", and never says what the word does
// not.
Html Badge(const std::string& kind, const std::string& text);

// A table row's cell with the column's name, which a phone shows before it.
Html Cell(const std::string& column, const Html& content);

// "good", "warn" or "bad" for what a run or a node exits with.
std::string KindOf(int exit_code, bool finished);

// Who, why, when, what for, and how it ended.
Html SummarySection(const PageInput& input);
// A row and a bar in time per node.
Html NodesSection(const PageInput& input);
// Each node's resources, before and after.
Html ChangesSection(const PageInput& input);
// Whether what was planned was made; empty when the command was not bound to a plan.
Html PlanSection(const PageInput& input);
// What the command asked for, and whose signatures hold.
Html CommandSection(const PageInput& input);
Html SignaturesSection(const PageInput& input);

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_PAGE_SECTIONS_H_
