// The common shape of bpactl's verbs.
//
// Each verb is one file: `void RegisterPlan(CLI::App& app, const GlobalOptions& global, int*
// exit_code)` adds its subcommand, whose callback runs it and stores its exit code. cli.cc lists
// them. A verb prints through `global` and returns through `exit_code`; it never calls exit().
#ifndef BPA_CONTROLLER_VERB_H_
#define BPA_CONTROLLER_VERB_H_

#include <cstddef>
#include <iosfwd>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace CLI {
class App;
}

namespace bpa::controller {

// What bpactl exits with. When several apply to a fleet: refused, unreachable, failed, differences.
enum ExitCode {
  kExitConverged = 0,
  kExitUsage = 1,        // bad arguments, bad cluster.yaml, missing home, declined confirmation
  kExitDifferences = 2,  // plan and verify found some
  kExitFailed = 3,       // some node failed
  kExitUnreachable = 4,  // some node did not answer
  kExitRefused = 5,      // some node refused the command
};

enum class OutputFormat { kText, kJson };

// Options that come before the verb, and the streams. Filled in before any callback runs; must
// outlive the CLI::App that the verbs are registered on.
struct GlobalOptions {
  GlobalOptions(std::istream& in_stream, std::ostream& out_stream, std::ostream& err_stream)
      : in(in_stream), out(out_stream), err(err_stream) {}

  std::string home;           // --home as given; see Home::Locate
  std::string operator_name;  // --operator; empty: DefaultOperator()
  std::string verb;           // the one that was given
  OutputFormat output = OutputFormat::kText;
  // Of the terminal that `out` is; 0 when it is none.
  size_t columns = 0;
  // `out` is a terminal and neither --no-color nor $NO_COLOR nor TERM=dumb says otherwise.
  bool color = false;
  // Standard input and output are terminals: questions may be asked.
  bool interactive = false;
  // Standard error is a terminal: progress may be redrawn.
  bool progress_terminal = false;
  std::istream& in;
  std::ostream& out;  // results
  std::ostream& err;  // errors, questions, progress

  bool json() const { return output == OutputFormat::kJson; }
};

// Prints "bpactl: <message>" to `err` and returns kExitUsage: for whatever fails on the bastion
// before a node is asked.
int ReportError(const GlobalOptions& global, const absl::Status& status);

// Asks `question` on `err` and reads a line from `in`. True for "yes" (or "y") alone; end of input
// is no. A caller with --yes does not ask.
bool Confirm(const GlobalOptions& global, std::string_view question);

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_VERB_H_
