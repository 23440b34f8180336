// `bpactl sign`: adds a signature to a command in a file, also where there is no network.
#ifndef BPA_CONTROLLER_SIGN_H_
#define BPA_CONTROLLER_SIGN_H_

#include "controller/verb.h"

namespace bpa::controller {

void RegisterSign(CLI::App& app, const GlobalOptions& global, int* exit_code);

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_SIGN_H_
