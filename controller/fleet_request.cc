#include "controller/fleet_request.h"

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string_view>

#include "absl/strings/numbers.h"
#include "absl/time/time.h"

namespace bpa::controller {
namespace {

// "500", "500K", "10M", "1G": bytes per second.
bool ParseRate(std::string text, uint64_t* rate) {
  constexpr std::string_view kUnits = "KMG";
  uint64_t unit = 1;
  const size_t power = text.empty() ? std::string_view::npos : kUnits.find(text.back());
  if (power != std::string_view::npos) {
    unit = uint64_t{1} << (10 * (power + 1));
    text.pop_back();
  }
  constexpr uint64_t kMaxNumber = 1'000'000'000;
  if (!absl::SimpleAtoi(text, rate) || *rate == 0 || *rate > kMaxNumber) return false;
  *rate *= unit;
  return true;
}

}  // namespace

void AddDuration(CLI::App& verb, const char* name, absl::Duration* value, const char* help) {
  verb.add_option_function<std::string>(
          name,
          [name, value](const std::string& text) {
            if (!absl::ParseDuration(text, value) || *value <= absl::ZeroDuration()) {
              throw CLI::ValidationError(name,
                                         "'" + text + "' is no duration: write 30s, 5m or 1h");
            }
          },
          help)
      ->type_name("DURATION");
}

void AddNodeOptions(CLI::App& verb, FleetRequest* request) {
  verb.add_option("NODE", request->nodes, "Nodes by name (default: all)")->type_name("");
  AddDuration(verb, "--connect-timeout", &request->fleet.connect_timeout,
              "How long a node may take to be connected to (default: 10s)");
}

void AddCommandOptions(CLI::App& verb, FleetRequest* request) {
  AddNodeOptions(verb, request);
  AddDuration(verb, "--timeout", &request->fleet.command_timeout,
              "How long a node may take for the whole command (default: 30m, or 12h while "
              "packages are sent)");
  verb.add_option("--retries", request->fleet.retries,
                  "How often the same bytes are sent again after a lost connection (default: 3)")
      ->check(CLI::Range(0, 100).description(""));
  verb.add_option("--concurrency", request->fleet.concurrency, "Nodes at once (default: 32)")
      ->check(CLI::Range(1, 512).description(""));
  verb.add_option("--reason", request->reason, "Why, for the record: a ticket number, say")
      ->type_name("TEXT");
}

void AddApplyOptions(CLI::App& verb, FleetRequest* request) {
  AddCommandOptions(verb, request);
  verb.add_flag("--yes,-y", request->yes, "Do not plan and ask first: for scripts");
  verb.add_option("--batch", request->fleet.batch,
                  "Nodes per batch; the next begins when the last has ended (default: all)")
      ->check(CLI::Range(1, 512).description(""));
  verb.add_option("--max-failures", request->fleet.max_failures,
                  "Start no more nodes once more than this many have failed, refused or not "
                  "answered (default: go on)")
      ->check(CLI::Range(0, 512).description(""));
  verb.add_option("--plan", request->plan_file,
                  "Be bound to a plan that `bpactl plan --out` saved: a node that has moved since "
                  "refuses")
      ->type_name("FILE");
  auto* write = verb.add_option("--write", request->write_file,
                                "Write the signed command there and send nothing: for a second "
                                "signature with `bpactl sign`");
  write->type_name("FILE");
  verb.add_option_function<std::string>(
          "--limit-rate",
          [request](const std::string& text) {
            if (!ParseRate(text, &request->fleet.limit_rate)) {
              throw CLI::ValidationError(
                  "--limit-rate", "'" + text + "' is no rate: write bytes per second, 500K or 10M");
            }
          },
          "Send packages with at most so many bytes per second, all nodes together (default: as "
          "fast as it goes)")
      ->type_name("RATE");
  AddDuration(verb, "--valid-for", &request->validity,
              "How long the signed command is accepted (default: 10m)");
}

void AddResetOptions(CLI::App& verb, FleetRequest* request) {
  verb.add_flag("--reset", request->reset,
                "Empty the directories whose role says that they may be. Wipes data");
  verb.add_option("--confirm-reset", request->confirm_reset,
                  "The cluster's name: needed with --reset --yes, where nobody is asked")
      ->type_name("CLUSTER");
}

}  // namespace bpa::controller
