#include "controller/session.h"

#include <unistd.h>

#include <future>
#include <ostream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "controller/exit_code.h"
#include "controller/expiry_hint.h"
#include "controller/interrupt.h"
#include "controller/journal_lines.h"
#include "controller/progress.h"

namespace bpa::controller {
namespace {

constexpr absl::Duration kStagingTimeout = absl::Hours(12);

ProgressOptions ProgressOptionsFor(const GlobalOptions& global) {
  ProgressOptions options = ProgressFor(STDERR_FILENO, global.color);
  if (!global.progress_terminal) options.style = ProgressStyle::kPlain;
  // A program that reads JSON is not helped by lines for people.
  if (global.json() && options.style == ProgressStyle::kPlain) {
    options.style = ProgressStyle::kSilent;
  }
  return options;
}

}  // namespace

absl::StatusOr<Session> Session::Open(const GlobalOptions& global,
                                      const std::vector<std::string>& node_names) {
  Session session(global, Home::Locate(global.home));
  session.verb_ = global.verb;
  absl::StatusOr<Cluster> cluster = session.home_.ReadCluster();
  if (!cluster.ok()) return cluster.status();
  session.cluster_ = *std::move(cluster);
  absl::StatusOr<std::vector<Node>> nodes = SelectNodes(session.cluster_, node_names);
  if (!nodes.ok()) return nodes.status();
  session.nodes_ = *std::move(nodes);
  return session;
}

absl::Status Session::Prepare(const FleetRequest& request) {
  if (!request.parts.packages) return absl::OkStatus();
  absl::StatusOr<PreparedPackages> packages =
      request.staging.has_value()
          ? PrepareStaging(*global_, home_, cluster_, nodes_, *request.staging)
          : PreparePackages(*global_, home_, cluster_, nodes_);
  if (!packages.ok()) return packages.status();
  packages_ = *std::move(packages);
  return absl::OkStatus();
}

absl::Status Session::PrepareToSend(const v1::Command& command) {
  verb_ = absl::StrCat(global_->verb, " --signed");
  if (command.mode() != v1::MODE_APPLY) return absl::OkStatus();
  absl::StatusOr<std::unique_ptr<SourceReader>> content = ContentOf(home_, command);
  if (!content.ok()) return content.status();
  packages_.content = *std::move(content);
  return absl::OkStatus();
}

absl::StatusOr<SignedCommand> Session::Sign(const std::vector<Node>& nodes,
                                            const CommandOptions& options) const {
  absl::StatusOr<PrivateKey> key = home_.ReadSigningKey();
  if (!key.ok()) return key.status();
  CommandOptions named = options;
  named.packages = packages_.by_role;
  if (named.operator_name.empty()) named.operator_name = global_->operator_name;
  absl::StatusOr<v1::Command> command = BuildCommand(cluster_, nodes, named, absl::Now());
  if (!command.ok()) return command.status();
  absl::StatusOr<Envelope> envelope = WrapCommand(*command);
  if (!envelope.ok()) return envelope.status();
  if (absl::Status status = SignEnvelope(*key, &*envelope); !status.ok()) return status;
  absl::StatusOr<std::string> bytes = EncodeEnvelope(*envelope);
  if (!bytes.ok()) return bytes.status();
  return SignedCommand{.command = *std::move(command), .envelope = *std::move(bytes)};
}

FleetOptions Session::ToSend(const v1::Command& command, const FleetOptions& options) const {
  FleetOptions sending = options;
  if (packages_.content == nullptr || command.mode() != v1::MODE_APPLY) return sending;
  sending.content = packages_.content.get();
  // Tens of gigabytes may take longer than what is otherwise allowed.
  if (sending.command_timeout == FleetOptions().command_timeout) {
    sending.command_timeout = kStagingTimeout;
  }
  return sending;
}

absl::StatusOr<RunResult> Session::Send(const std::vector<Node>& nodes,
                                        const SignedCommand& command,
                                        const FleetOptions& options) const {
  absl::StatusOr<ClientIdentity> identity = home_.ReadClientIdentity();
  if (!identity.ok()) return identity.status();
  const std::string& id = command.command.id();
  // Before the recorder, which starts a thread.
  const Interrupt interrupt(absl::StrCat("bpactl: left; nodes may still carry out command ", id,
                                         ". To collect their reports: bpactl apply --signed ",
                                         home_.CommandDirectory(id), "/command.dsse\n"));
  Recorder recorder(home_);
  if (absl::Status kept = recorder.Begin(id, command.envelope, verb_); !kept.ok()) return kept;
  Progress progress(global_->err, nodes, ProgressOptionsFor(*global_));
  // While the nodes work; for a program that reads JSON, never.
  const std::launch when =
      global_->json() ? std::launch::deferred : std::launch::async | std::launch::deferred;
  std::future<std::string> hints = std::async(
      when, [&] { return ExpiryHints(home_, identity->certificate_until, nodes, absl::Now()); });
  RunResult result;
  result.nodes =
      RunCommand(nodes, *identity, home_, id, command.envelope, ToSend(command.command, options),
                 recorder.Watch(progress.Observer()), interrupt.stop());
  progress.Clear();
  EndRecord(FleetExitCode(result.nodes), &recorder);
  TellJournal(command.command, result.nodes);
  if (!global_->json()) global_->err << hints.get();
  result.interrupted = interrupt.stop();
  return result;
}

absl::Status Session::KeepUnsent(const SignedCommand& command) const {
  Recorder recorder(home_);
  absl::Status kept = recorder.Begin(command.command.id(), command.envelope,
                                     absl::StrCat(global_->verb, " --write"));
  if (!kept.ok()) return kept;
  EndRecord(kExitConverged, &recorder);
  return absl::OkStatus();
}

// What the nodes did is done: the operator is told, and the results are shown all the same.
void Session::EndRecord(int exit_code, Recorder* recorder) const {
  const absl::Status recorded = recorder->Finish(exit_code);
  for (const std::string& message : {std::string(recorded.message()), recorder->warning()}) {
    if (!message.empty()) global_->err << "bpactl: warning: " << message << "\n";
  }
}

}  // namespace bpa::controller
