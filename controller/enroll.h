// `bpactl enroll`.
#ifndef BPA_CONTROLLER_ENROLL_H_
#define BPA_CONTROLLER_ENROLL_H_

#include "controller/verb.h"

namespace bpa::controller {

void RegisterEnroll(CLI::App& app, const GlobalOptions& global, int* exit_code);

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_ENROLL_H_
