// `apply --signed FILE`: a command that was signed elsewhere or is sent again.
#include <algorithm>
#include <ostream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "controller/apply_flow.h"
#include "controller/command_file.h"
#include "controller/command_text.h"
#include "controller/report_text.h"
#include "proto/envelope.h"

namespace bpa::controller {
namespace {

absl::StatusOr<SignedCommand> ReadSigned(const std::string& path) {
  absl::StatusOr<CommandFile> file = ReadCommandFile(path);
  if (!file.ok()) return file.status();
  absl::StatusOr<std::string> bytes = EncodeEnvelope(file->envelope);
  if (!bytes.ok()) return bytes.status();
  return SignedCommand{.command = std::move(file->command), .envelope = *std::move(bytes)};
}

// The targets among the selected nodes; whoever is named must be a target.
absl::StatusOr<std::vector<Node>> Targets(const Session& session, const FleetRequest& request,
                                          const v1::Command& command) {
  std::vector<Node> nodes;
  for (const Node& node : session.nodes()) {
    const bool targeted =
        std::any_of(command.targets().begin(), command.targets().end(),
                    [&](const v1::Target& target) { return target.node() == node.name; });
    if (targeted) {
      nodes.push_back(node);
    } else if (!request.nodes.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat(request.signed_file, ": node \"", node.name,
                       "\" is not among the signed command's targets"));
    }
  }
  if (nodes.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        request.signed_file, ": none of its targets is in ", session.home().cluster_path()));
  }
  return nodes;
}

bool ConfirmedSigned(const GlobalOptions& global, const v1::Command& command, size_t nodes) {
  global.err << CommandText(command, absl::Now());
  if (!Confirm(global, absl::StrCat("Send it to ", Plural(nodes, "node"), "?"))) return false;
  if (!command.reset_directories()) return true;
  const std::string question =
      absl::StrCat("It empties directories. This cannot be undone. Type the cluster's name (",
                   Printable(command.cluster()), ") to wipe: ");
  return AskFor(global, question, command.cluster());
}

}  // namespace

int RunSigned(const GlobalOptions& global, const FleetRequest& request) {
  absl::StatusOr<Session> session = Session::Open(global, request.nodes);
  if (!session.ok()) return ReportError(global, session.status());
  absl::StatusOr<SignedCommand> command = ReadSigned(request.signed_file);
  if (!command.ok()) return ReportError(global, command.status());
  const std::string& cluster = session->cluster().name;
  if (command->command.cluster() != cluster) {
    return ReportError(global, absl::InvalidArgumentError(absl::StrCat(
                                   request.signed_file, ": a command for cluster \"",
                                   command->command.cluster(), "\", not \"", cluster, "\"")));
  }
  absl::StatusOr<std::vector<Node>> nodes = Targets(*session, request, command->command);
  if (!nodes.ok()) return ReportError(global, nodes.status());
  const absl::Status confirmable =
      CheckConfirmable(global, request, command->command.reset_directories(), cluster);
  if (!confirmable.ok()) return ReportError(global, confirmable);
  if (absl::Status status = session->PrepareToSend(command->command); !status.ok()) {
    return ReportError(global, status);
  }
  if (!request.yes && !ConfirmedSigned(global, command->command, nodes->size())) {
    global.err << "Nothing was sent.\n";
    return kExitUsage;
  }
  return SendAndReport(
      global, *session,
      {.nodes = *std::move(nodes), .command = *std::move(command), .options = request.fleet});
}

}  // namespace bpa::controller
