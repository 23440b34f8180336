// `bpactl show`.
#ifndef BPA_CONTROLLER_SHOW_H_
#define BPA_CONTROLLER_SHOW_H_

#include "controller/verb.h"

namespace bpa::controller {

void RegisterShow(CLI::App& app, const GlobalOptions& global, int* exit_code);

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_SHOW_H_
