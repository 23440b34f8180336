#include "controller/cli.h"

#include <CLI/CLI.hpp>
#include <ostream>
#include <string>

#include "controller/init.h"
#include "controller/sign.h"
#include "controller/version.h"

namespace bpa::controller {
namespace {

constexpr char kDescription[] =
    "Prepares the worker nodes of an EKS cluster for BPA with one signed command.\n"
    "Exit codes: 0 converged, 1 usage, 2 differences (plan, verify), 3 some node failed,\n"
    "4 some node unreachable, 5 refused.";

void AddGlobalOptions(CLI::App& app, GlobalOptions& global) {
  app.add_option("--home", global.home, "The controller's home ($BPA_HOME, else ~/.bpa)")
      ->type_name("DIR");
  app.add_option_function<std::string>(
         "--output",
         [&global](const std::string& format) {
           global.output = format == "json" ? OutputFormat::kJson : OutputFormat::kText;
         },
         "How results are printed: text or json")
      ->check(CLI::IsMember({"text", "json"}).description(""))
      ->type_name("FORMAT");
  app.add_flag_callback(
      "--no-color", [&global] { global.color = false; }, "No colour, even on a terminal");
}

void RegisterVerbs(CLI::App& app, const GlobalOptions& global, int* exit_code) {
  RegisterInit(app, global, exit_code);
  RegisterSign(app, global, exit_code);
  RegisterVersion(app, global, exit_code);
}

}  // namespace

int RunCommandLine(int argc, const char* const* argv, GlobalOptions& global) {
  CLI::App app(kDescription, "bpactl");
  int exit_code = kExitUsage;
  app.require_subcommand(1);
  // Global options may also come after the verb: `bpactl plan --output json`.
  app.fallthrough();
  AddGlobalOptions(app, global);
  RegisterVerbs(app, global, &exit_code);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // Help is an "error" too, with code 0; CLI11's other codes are its own.
    return app.exit(error, global.out, global.err) == 0 ? kExitConverged : kExitUsage;
  }
  return exit_code;
}

}  // namespace bpa::controller
