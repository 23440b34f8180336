#include "agent/executor/options.h"

#include <getopt.h>

#include <cerrno>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "agent/executor/report.h"
#include "proto/trusted_file.h"

namespace bpa::executor {
namespace {

constexpr option kOptions[] = {
    {"config", required_argument, nullptr, 'c'}, {"check-config", no_argument, nullptr, 'k'},
    {"make-keys", no_argument, nullptr, 'm'},    {"version", no_argument, nullptr, 'v'},
    {"help", no_argument, nullptr, 'h'},         {nullptr, 0, nullptr, 0}};

}  // namespace

const char kUsage[] =
    "usage: bpa-executor [--config PATH] [--check-config | --make-keys | --version | --help]\n"
    "\n"
    "Carries out signed commands as root; the gateway hands them over the socket by which\n"
    "bpa-executor.socket starts it.\n"
    "\n"
    "  --config PATH   agent.yaml; /etc/bpa-agent/agent.yaml if not given\n"
    "  --check-config  say what is wrong with configuration and keys, or \"ok\"\n"
    "  --make-keys     make what is missing of the node's own keys, once\n"
    "  --version       print the version\n";

std::string VersionLine() { return absl::StrCat("bpa-executor ", kAgentVersion, "\n"); }

absl::StatusOr<Options> ParseOptions(int argc, char** argv) {
  Options options;
  optind = 0;  // glibc: begin anew
  opterr = 0;
  for (int found = 0; (found = getopt_long(argc, argv, ":", kOptions, nullptr)) != -1;) {
    switch (found) {
      case 'c':
        options.config_path = optarg;
        break;
      case 'k':
        options.action = Options::Action::kCheckConfig;
        break;
      case 'm':
        options.action = Options::Action::kMakeKeys;
        break;
      case 'v':
        options.action = Options::Action::kPrintVersion;
        break;
      case 'h':
        options.action = Options::Action::kPrintUsage;
        break;
      default:
        return absl::InvalidArgumentError(
            absl::StrCat(argv[optind - 1], found == ':' ? ": needs a value" : ": unknown option"));
    }
  }
  if (optind < argc) return absl::InvalidArgumentError(absl::StrCat(argv[optind], ": unexpected"));
  return options;
}

absl::Status Print(const std::string& text) {
  if (std::fputs(text.c_str(), stdout) >= 0 && std::fflush(stdout) == 0) return absl::OkStatus();
  return ErrnoStatus(errno, "write", "standard output");
}

}  // namespace bpa::executor
