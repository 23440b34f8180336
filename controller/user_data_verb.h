// `bpactl user-data`.
#ifndef BPA_CONTROLLER_USER_DATA_VERB_H_
#define BPA_CONTROLLER_USER_DATA_VERB_H_

#include "controller/verb.h"

namespace bpa::controller {

void RegisterUserData(CLI::App& app, const GlobalOptions& global, int* exit_code);

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_USER_DATA_VERB_H_
