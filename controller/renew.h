// `bpactl renew`.
#ifndef BPA_CONTROLLER_RENEW_H_
#define BPA_CONTROLLER_RENEW_H_

#include "controller/verb.h"

namespace bpa::controller {

void RegisterRenew(CLI::App& app, const GlobalOptions& global, int* exit_code);

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_RENEW_H_
