// bpactl's command line.
#ifndef BPA_CONTROLLER_CLI_H_
#define BPA_CONTROLLER_CLI_H_

#include "controller/verb.h"

namespace bpa::controller {

// Parses the command line, runs its one verb and returns the exit code (see ExitCode). `global`
// carries the streams and whether they are terminals; the options are filled in here.
int RunCommandLine(int argc, const char* const* argv, GlobalOptions& global);

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_CLI_H_
