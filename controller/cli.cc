#include "controller/cli.h"

#include <CLI/CLI.hpp>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "controller/apply.h"
#include "controller/audit.h"
#include "controller/dirs.h"
#include "controller/enroll.h"
#include "controller/history.h"
#include "controller/init.h"
#include "controller/mount.h"
#include "controller/nodes.h"
#include "controller/plan.h"
#include "controller/renew.h"
#include "controller/report.h"
#include "controller/show.h"
#include "controller/sign.h"
#include "controller/stage.h"
#include "controller/sysctl.h"
#include "controller/user_data_verb.h"
#include "controller/verify.h"
#include "controller/version.h"
#include "proto/yaml/strict_yaml.h"

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
  app.add_option("--operator", global.operator_name,
                 "Who asks, for the record ($SUDO_USER, else $USER, at this host)")
      ->type_name("NAME");
  app.add_flag_callback(
      "--no-color", [&global] { global.color = false; }, "No colour, even on a terminal");
}

void RegisterVerbs(CLI::App& app, const GlobalOptions& global, int* exit_code) {
  RegisterInit(app, global, exit_code);
  RegisterUserData(app, global, exit_code);
  RegisterEnroll(app, global, exit_code);
  RegisterRenew(app, global, exit_code);
  RegisterNodes(app, global, exit_code);
  RegisterPlan(app, global, exit_code);
  RegisterApply(app, global, exit_code);
  RegisterStage(app, global, exit_code);
  RegisterVerify(app, global, exit_code);
  RegisterSysctl(app, global, exit_code);
  RegisterDirs(app, global, exit_code);
  RegisterMount(app, global, exit_code);
  RegisterSign(app, global, exit_code);
  RegisterHistory(app, global, exit_code);
  RegisterShow(app, global, exit_code);
  RegisterReport(app, global, exit_code);
  RegisterAudit(app, global, exit_code);
  RegisterVersion(app, global, exit_code);
}

// Before any callback runs.
void NoteVerb(CLI::App& app, GlobalOptions& global) {
  for (CLI::App* verb : app.get_subcommands({})) {
    verb->preparse_callback([&global, verb](size_t) { global.verb = verb->get_name(); });
  }
}

// CLI11 only says that a verb is missing, also when one is misspelt.
int NoVerb(const CLI::App& app, int argc, const char* const* argv, const CLI::Error& error,
           const GlobalOptions& global) {
  std::vector<std::string> names;
  for (const CLI::App* verb : app.get_subcommands({})) names.push_back(verb->get_name());
  const std::vector<std::string_view> known(names.begin(), names.end());
  for (int i = 1; app.get_subcommands().empty() && i < argc; ++i) {
    const std::string word = argv[i];
    const std::string suggestion = yaml::Suggestion(word, known);
    if (word.empty() || word.front() == '-' || suggestion.empty()) continue;
    return ReportError(
        global, absl::InvalidArgumentError(absl::StrCat("no verb '", word, "'; ", suggestion)));
  }
  return ReportError(global, absl::InvalidArgumentError(
                                 absl::StrCat(error.what(), "; `bpactl --help` shows the usage")));
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
  NoteVerb(app, global);
  try {
    app.parse(argc, argv);
  } catch (const CLI::RequiredError& error) {
    return NoVerb(app, argc, argv, error, global);
  } catch (const CLI::ParseError& error) {
    // Help is an "error" too, with code 0; CLI11's other codes are its own.
    return app.exit(error, global.out, global.err) == 0 ? kExitConverged : kExitUsage;
  }
  return exit_code;
}

}  // namespace bpa::controller
