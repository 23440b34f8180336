// `apply --signed FILE`: a command that was signed elsewhere or is sent again.
#include <algorithm>
#include <cerrno>
#include <fstream>
#include <ostream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "controller/apply_flow.h"
#include "controller/report_check.h"
#include "controller/report_text.h"
#include "proto/envelope.h"
#include "proto/trusted_file.h"

namespace bpa::controller {
namespace {

// Whoever owns the file: its signatures say whose it is, and the nodes check them.
absl::StatusOr<SignedCommand> ReadSigned(const std::string& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) return ErrnoStatus(errno, "open", path);
  SignedCommand command;
  command.envelope.resize(kMaxEnvelopeBytes + 1);
  file.read(command.envelope.data(), static_cast<std::streamsize>(command.envelope.size()));
  command.envelope.resize(static_cast<size_t>(file.gcount()));
  absl::StatusOr<SentCommand> sent = ReadSentCommand(command.envelope);
  if (!sent.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": not a signed command: ", sent.status().message()));
  }
  command.command = std::move(sent->command);
  return command;
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
  const std::string reason =
      command.reason().empty() ? "" : absl::StrCat(", because: ", command.reason());
  global.err << "Command " << command.id() << ": " << ModeWord(command.mode()) << " on cluster "
             << Printable(command.cluster()) << ", asked for by "
             << Printable(command.operator_name()) << Printable(reason) << ".\n";
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
  if (!request.yes && !ConfirmedSigned(global, command->command, nodes->size())) {
    global.err << "Nothing was sent.\n";
    return kExitUsage;
  }
  return SendAndReport(
      global, *session,
      {.nodes = *std::move(nodes), .command = *std::move(command), .options = request.fleet});
}

}  // namespace bpa::controller
