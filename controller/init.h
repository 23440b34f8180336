// `bpactl init`.
#ifndef BPA_CONTROLLER_INIT_H_
#define BPA_CONTROLLER_INIT_H_

#include "controller/verb.h"

namespace bpa::controller {

void RegisterInit(CLI::App& app, const GlobalOptions& global, int* exit_code);

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_INIT_H_
