// `bpactl report`.
#ifndef BPA_CONTROLLER_REPORT_H_
#define BPA_CONTROLLER_REPORT_H_

#include "controller/verb.h"

namespace bpa::controller {

void RegisterReport(CLI::App& app, const GlobalOptions& global, int* exit_code);

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_REPORT_H_
