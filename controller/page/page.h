// One command of the history as one HTML page, to be attached to a change ticket.
//
// Self-contained: no script, no link, nothing that is fetched, and a content security policy that
// says so. Readable on a phone and on paper. Whatever nodes or operators wrote is text in it.
#ifndef BPA_CONTROLLER_PAGE_PAGE_H_
#define BPA_CONTROLLER_PAGE_PAGE_H_

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "controller/history/evidence.h"

namespace bpa::controller {

struct PageInput {
  const Evidence& evidence;
  // Of the plans that an apply was bound to, as far as this home has them.
  std::vector<Evidence> plans;
  absl::Time now;       // when the signatures were verified for this page
  std::string made_by;  // who made it: "alice@bastion"
};

// The ids of the plans that the command's targets are bound to, each once.
std::vector<std::string> ReviewedPlanIds(const Evidence& evidence);

std::string RenderPage(const PageInput& input);

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_PAGE_PAGE_H_
