// `bpactl verify`.
#ifndef BPA_CONTROLLER_VERIFY_H_
#define BPA_CONTROLLER_VERIFY_H_

#include "controller/verb.h"

namespace bpa::controller {

void RegisterVerify(CLI::App& app, const GlobalOptions& global, int* exit_code);

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_VERIFY_H_
