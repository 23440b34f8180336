// `bpactl stage`: publishes a directory tree on the nodes.
#ifndef BPA_CONTROLLER_STAGE_H_
#define BPA_CONTROLLER_STAGE_H_

#include "controller/verb.h"

namespace bpa::controller {

void RegisterStage(CLI::App& app, const GlobalOptions& global, int* exit_code);

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_STAGE_H_
