// bpactl: the administrator's end, on the bastion.
#include <grpc/support/log.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <string_view>

#include "absl/synchronization/mutex.h"
#include "controller/cli.h"
#include "controller/table.h"

namespace {

bool WantsColor() {
  const char* no_color = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  return isatty(STDOUT_FILENO) != 0 && (no_color == nullptr || *no_color == '\0') &&
         term != nullptr && std::string_view(term) != "dumb";
}

// What gRPC writes to standard error on its own goes between the lines of the progress, and what it
// says of failures is in their statuses. $GRPC_VERBOSITY brings it back.
void SilenceGrpc() {
  if (std::getenv("GRPC_VERBOSITY") == nullptr) gpr_set_log_function([](gpr_log_func_args*) {});
}

}  // namespace

int main(int argc, char** argv) {
  // Debian's Abseil is a debug build in this: it would keep a graph of all locks that gRPC takes,
  // and abort at what looks like a cycle.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  SilenceGrpc();
  bpa::controller::GlobalOptions global(std::cin, std::cout, std::cerr);
  global.color = WantsColor();
  global.columns = bpa::controller::SizeOfTerminal(STDOUT_FILENO).columns;
  global.interactive = isatty(STDIN_FILENO) != 0 && isatty(STDOUT_FILENO) != 0;
  global.progress_terminal = isatty(STDERR_FILENO) != 0;
  const int exit_code = bpa::controller::RunCommandLine(argc, argv, global);
  std::cout.flush();
  // Past the destructors of static objects, which gRPC's threads may still be using.
  std::_Exit(exit_code);
}
