// `bpactl sysctl`.
#ifndef BPA_CONTROLLER_SYSCTL_H_
#define BPA_CONTROLLER_SYSCTL_H_

#include "controller/verb.h"

namespace bpa::controller {

void RegisterSysctl(CLI::App& app, const GlobalOptions& global, int* exit_code);

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_SYSCTL_H_
