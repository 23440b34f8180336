// `bpactl apply`.
#ifndef BPA_CONTROLLER_APPLY_H_
#define BPA_CONTROLLER_APPLY_H_

#include "controller/verb.h"

namespace bpa::controller {

void RegisterApply(CLI::App& app, const GlobalOptions& global, int* exit_code);

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_APPLY_H_
