// `bpactl nodes`.
#ifndef BPA_CONTROLLER_NODES_H_
#define BPA_CONTROLLER_NODES_H_

#include "controller/verb.h"

namespace bpa::controller {

void RegisterNodes(CLI::App& app, const GlobalOptions& global, int* exit_code);

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_NODES_H_
