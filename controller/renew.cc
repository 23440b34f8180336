#include "controller/renew.h"

#include <CLI/CLI.hpp>
#include <memory>
#include <ostream>
#include <vector>

#include "absl/strings/str_cat.h"
#include "controller/authority.h"
#include "controller/each_node.h"
#include "controller/fleet_request.h"
#include "controller/identity_report.h"
#include "controller/renewal.h"
#include "controller/session.h"

namespace bpa::controller {
namespace {

struct RenewArguments {
  FleetRequest fleet;
  int days = -1;  // -1: whatever is left
};

IdentityLine ToLine(const RenewResult& result) {
  const std::string until = absl::FormatTime("%Y-%m-%d", result.expires, absl::UTCTimeZone());
  return {
      .node = result.node,
      .status = result.status,
      .done = absl::StrCat(result.renewed ? "renewed, valid until " : "still valid until ", until),
      .clock_offset = result.clock_offset};
}

int RunRenew(const GlobalOptions& global, const RenewArguments& arguments) {
  const absl::StatusOr<Session> session = Session::Open(global, arguments.fleet.nodes);
  if (!session.ok()) return ReportError(global, session.status());
  const absl::StatusOr<Authority> authority = ReadAuthority(session->home());
  if (!authority.ok()) return ReportError(global, authority.status());
  const absl::StatusOr<bool> own = RenewClientCertificate(session->home(), *authority, absl::Now());
  if (!own.ok()) return ReportError(global, own.status());
  if (*own && !global.json()) global.out << "bpactl's own certificate: renewed\n";
  const absl::StatusOr<ClientIdentity> identity = session->home().ReadClientIdentity();
  if (!identity.ok()) return ReportError(global, identity.status());
  const absl::StatusOr<PrivateKey> signer = session->home().ReadSigningKey();
  if (!signer.ok()) return ReportError(global, signer.status());
  const RenewContext context{
      .cluster = session->cluster().name,
      .home = session->home(),
      .authority = *authority,
      .identity = *identity,
      .signer = *signer,
      .within = arguments.days < 0 ? absl::InfiniteDuration() : absl::Hours(24) * arguments.days,
      .connect_timeout = arguments.fleet.fleet.connect_timeout};
  return ReportIdentities(global,
                          ForEachNode<IdentityLine>(session->nodes(), [&context](const Node& node) {
                            return ToLine(RenewNode(context, node));
                          }));
}

}  // namespace

void RegisterRenew(CLI::App& app, const GlobalOptions& global, int* exit_code) {
  CLI::App* verb = app.add_subcommand(
      "renew",
      "Give nodes new certificates, also where the old one has expired. Nothing is restarted.");
  auto arguments = std::make_shared<RenewArguments>();
  AddNodeOptions(*verb, &arguments->fleet);
  verb->add_option("--days-left", arguments->days,
                   "Only where fewer days than this are left: for a timer")
      ->check(CLI::Range(0, 3650).description(""))
      ->type_name("DAYS");
  verb->callback([&global, exit_code, arguments] { *exit_code = RunRenew(global, *arguments); });
}

}  // namespace bpa::controller
