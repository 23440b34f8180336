// `bpactl mount`.
#ifndef BPA_CONTROLLER_MOUNT_H_
#define BPA_CONTROLLER_MOUNT_H_

#include "controller/verb.h"

namespace bpa::controller {

void RegisterMount(CLI::App& app, const GlobalOptions& global, int* exit_code);

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_MOUNT_H_
