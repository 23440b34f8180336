#include "controller/enroll.h"

#include <CLI/CLI.hpp>
#include <memory>
#include <vector>

#include "absl/time/clock.h"
#include "controller/authority.h"
#include "controller/each_node.h"
#include "controller/enrollment.h"
#include "controller/fleet_request.h"
#include "controller/identity_report.h"
#include "controller/session.h"

namespace bpa::controller {
namespace {

struct EnrollArguments {
  FleetRequest fleet;
  bool replace = false;
  absl::Duration wait;
};

IdentityLine ToLine(const EnrollResult& result) {
  return {.node = result.node,
          .status = result.status,
          .done = result.already ? "is enrolled already" : "enrolled",
          .clock_offset = result.clock_offset};
}

int RunEnroll(const GlobalOptions& global, const EnrollArguments& arguments) {
  const absl::StatusOr<Session> session = Session::Open(global, arguments.fleet.nodes);
  if (!session.ok()) return ReportError(global, session.status());
  const absl::StatusOr<Authority> authority = ReadAuthority(session->home());
  if (!authority.ok()) return ReportError(global, authority.status());
  const absl::StatusOr<bool> renewed =
      RenewClientCertificate(session->home(), *authority, absl::Now());
  if (!renewed.ok()) return ReportError(global, renewed.status());
  const absl::StatusOr<ClientIdentity> identity = session->home().ReadClientIdentity();
  if (!identity.ok()) return ReportError(global, identity.status());
  const EnrollContext context{.cluster = session->cluster().name,
                              .home = session->home(),
                              .authority = *authority,
                              .identity = *identity,
                              .replace = arguments.replace,
                              .connect_timeout = arguments.fleet.fleet.connect_timeout,
                              .wait_until = absl::Now() + arguments.wait};
  return ReportIdentities(global,
                          ForEachNode<IdentityLine>(session->nodes(), [&context](const Node& node) {
                            return ToLine(EnrollNode(context, node));
                          }));
}

}  // namespace

void RegisterEnroll(CLI::App& app, const GlobalOptions& global, int* exit_code) {
  CLI::App* verb = app.add_subcommand(
      "enroll",
      "Make nodes that `bpactl user-data` has installed part of the cluster: each proves its join\n"
      "secret and gets its certificate. Does nothing to nodes that are enrolled.");
  auto arguments = std::make_shared<EnrollArguments>();
  AddNodeOptions(*verb, &arguments->fleet);
  AddDuration(*verb, "--wait", &arguments->wait,
              "How long to go on asking nodes that do not answer yet (default: once)");
  verb->add_flag("--replace", arguments->replace,
                 "Pin a report key in place of another: for instances that were replaced");
  verb->callback([&global, exit_code, arguments] { *exit_code = RunEnroll(global, *arguments); });
}

}  // namespace bpa::controller
