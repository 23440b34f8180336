// `bpactl version`.
#ifndef BPA_CONTROLLER_VERSION_H_
#define BPA_CONTROLLER_VERSION_H_

#include <string_view>

#include "controller/verb.h"

namespace bpa::controller {

// "0.1.0", from the build.
std::string_view Version();

void RegisterVersion(CLI::App& app, const GlobalOptions& global, int* exit_code);

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_VERSION_H_
