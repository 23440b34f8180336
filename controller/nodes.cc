#include "controller/nodes.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "controller/exit_code.h"
#include "controller/fleet_request.h"
#include "controller/nodes_import.h"
#include "controller/output_json.h"
#include "controller/render_nodes.h"
#include "controller/session.h"
#include "controller/watch.h"

namespace bpa::controller {
namespace {

constexpr double kDefaultInterval = 5;
constexpr double kLongestInterval = 86400;

struct NodesRequest {
  FleetRequest fleet;
  std::optional<absl::Duration> interval;  // --watch
};

struct Asked {
  const Session& session;
  ClientIdentity identity;
  FleetOptions options;
};

std::string Shown(const GlobalOptions& global, const Asked& asked,
                  const std::vector<DescribeResult>& results, size_t columns) {
  const std::vector<Node>& nodes = asked.session.nodes();
  const absl::Time now = absl::Now();
  return global.json()
             ? DescriptionsAsJson(nodes, results, now)
             : RenderNodes(nodes, results, now, {.columns = columns, .color = global.color});
}

std::string WatchHeading(const Asked& asked, absl::Duration interval) {
  return absl::StrCat(asked.session.cluster().name, "  ",
                      absl::FormatTime("%Y-%m-%d %H:%M:%S UTC", absl::Now(), absl::UTCTimeZone()),
                      "  every ", absl::FormatDuration(interval));
}

// In place; what was seen last stays on the terminal afterwards.
void WatchOnTerminal(const GlobalOptions& global, const Asked& asked, absl::Duration interval,
                     const WatchSignals& signals) {
  std::string heading;
  std::vector<DescribeResult> results;
  {
    Screen screen(global.out, STDOUT_FILENO);
    auto woken = WatchSignals::Woken::kTime;
    while (woken != WatchSignals::Woken::kLeaving) {
      if (woken == WatchSignals::Woken::kTime) {
        std::vector<DescribeResult> fresh =
            DescribeNodes(asked.session.nodes(), asked.identity, asked.options,
                          [&] { return signals.leaving(); });
        if (signals.leaving()) break;
        results = std::move(fresh);
        heading = WatchHeading(asked, interval);
      }
      screen.Draw(absl::StrCat(heading, "  (Ctrl-C leaves)\n\n",
                               Shown(global, asked, results, screen.size().columns)));
      woken = signals.Sleep(interval);
    }
  }
  if (results.empty()) return;
  global.out << heading << "\n\n" << Shown(global, asked, results, global.columns) << std::flush;
}

// A block per round: for files and programs.
void WatchPlain(const GlobalOptions& global, const Asked& asked, absl::Duration interval,
                const WatchSignals& signals) {
  while (!signals.leaving() && global.out.good()) {
    const std::vector<DescribeResult> results = DescribeNodes(
        asked.session.nodes(), asked.identity, asked.options, [&] { return signals.leaving(); });
    if (signals.leaving()) return;
    if (!global.json()) global.out << WatchHeading(asked, interval) << "\n";
    global.out << Shown(global, asked, results, 0) << (global.json() ? "" : "\n") << std::flush;
    const absl::Time until = absl::Now() + interval;
    auto woken = WatchSignals::Woken::kResized;
    while (woken == WatchSignals::Woken::kResized) woken = signals.Sleep(until - absl::Now());
    if (woken == WatchSignals::Woken::kLeaving) return;
  }
}

int Watch(const GlobalOptions& global, const Asked& asked, absl::Duration interval) {
  const WatchSignals signals;
  if (global.columns > 0 && !global.json()) {
    WatchOnTerminal(global, asked, interval, signals);
  } else {
    WatchPlain(global, asked, interval, signals);
  }
  return kExitConverged;
}

int RunNodes(const GlobalOptions& global, const NodesRequest& request) {
  absl::StatusOr<Session> session = Session::Open(global, request.fleet.nodes);
  if (!session.ok()) return ReportError(global, session.status());
  absl::StatusOr<ClientIdentity> identity = session->home().ReadClientIdentity();
  if (!identity.ok()) return ReportError(global, identity.status());
  const Asked asked{
      .session = *session, .identity = *std::move(identity), .options = request.fleet.fleet};
  if (request.interval.has_value()) return Watch(global, asked, *request.interval);
  const std::vector<DescribeResult> results =
      DescribeNodes(session->nodes(), asked.identity, asked.options);
  global.out << Shown(global, asked, results, global.columns) << std::flush;
  return DescribeExitCode(results);
}

// `--watch`, `--watch 10`; in `--watch node-1` the word is a node.
void ReadInterval(const std::string& text, NodesRequest* request) {
  double seconds = kDefaultInterval;
  if (!text.empty() && !absl::SimpleAtod(text, &seconds)) {
    request->fleet.nodes.push_back(text);
    seconds = kDefaultInterval;
  }
  if (!(seconds > 0 && seconds <= kLongestInterval)) {
    throw CLI::ValidationError("--watch", "'" + text + "': write seconds, from 0.1 to 86400");
  }
  request->interval = absl::Seconds(seconds);
}

}  // namespace

void RegisterNodes(CLI::App& app, const GlobalOptions& global, int* exit_code) {
  CLI::App* verb = app.add_subcommand(
      "nodes",
      "Show how the nodes are: which answer, their versions, clocks and certificates, the last\n"
      "apply, drift from it, and how full their volumes are. Changes nothing.");
  auto request = std::make_shared<NodesRequest>();
  AddNodeOptions(*verb, &request->fleet);
  verb->add_option_function<std::string>(
          "--watch", [request](const std::string& text) { ReadInterval(text, request.get()); },
          "Ask again and again, every so many seconds (default: 5), until Ctrl-C")
      ->expected(0, 1)
      ->type_name("[SECONDS]");
  RegisterNodesImport(*verb, global, exit_code);
  verb->callback([verb, request, &global, exit_code] {
    if (verb->get_subcommands().empty()) *exit_code = RunNodes(global, *request);
  });
}

}  // namespace bpa::controller
