// `bpactl dirs`.
#ifndef BPA_CONTROLLER_DIRS_H_
#define BPA_CONTROLLER_DIRS_H_

#include "controller/verb.h"

namespace bpa::controller {

void RegisterDirs(CLI::App& app, const GlobalOptions& global, int* exit_code);

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_DIRS_H_
