#include "controller/apply_flow.h"

#include <algorithm>
#include <istream>
#include <optional>
#include <ostream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "controller/exit_code.h"
#include "controller/output_json.h"
#include "controller/plan_file.h"
#include "controller/render_apply.h"
#include "controller/render_plan.h"
#include "controller/render_recap.h"
#include "controller/report_text.h"
#include "proto/trusted_file.h"

namespace bpa::controller {
namespace {

constexpr size_t kMaxPlanFileBytes = size_t{16} * 1024 * 1024;
constexpr unsigned kCommandFileMode = 0644;

CommandOptions OptionsFor(const FleetRequest& request, v1::Mode mode) {
  return {.mode = mode,
          .parts = request.parts,
          .reset_directories = request.reset,
          .reason = request.reason,
          .validity = request.validity};
}

bool SameParts(const RoleParts& a, const RoleParts& b) {
  return a.volumes == b.volumes && a.directories == b.directories && a.sysctls == b.sysctls &&
         a.packages == b.packages;
}

absl::StatusOr<SavedPlan> ReadPlanFor(const Session& session, const FleetRequest& request) {
  const std::string& file = request.plan_file;
  absl::StatusOr<std::string> text = ReadTrustedFile(file, kMaxPlanFileBytes, FileSecrecy::kPublic);
  if (!text.ok()) return text.status();
  absl::StatusOr<SavedPlan> plan = DecodePlan(*text);
  if (!plan.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(file, ": ", plan.status().message()));
  }
  if (plan->cluster != session.cluster().name) {
    return absl::InvalidArgumentError(absl::StrCat(file, ": a plan of cluster \"", plan->cluster,
                                                   "\", not of \"", session.cluster().name, "\""));
  }
  if (plan->reset != request.reset) {
    return absl::InvalidArgumentError(absl::StrCat(file, ": the plan was made ",
                                                   plan->reset ? "with" : "without",
                                                   " --reset: apply it likewise, or plan again"));
  }
  if (!SameParts(plan->parts, request.parts)) {
    return absl::InvalidArgumentError(absl::StrCat(
        file,
        ": the plan is for other parts of the roles: apply it with `bpactl apply`, or plan "
        "again with this verb's --plan-only"));
  }
  return plan;
}

// The nodes asked for, of which each must be in the plan; all of the plan's when none was named.
absl::StatusOr<std::vector<Node>> NodesOfPlan(const Session& session, const FleetRequest& request,
                                              const SavedPlan& plan) {
  std::vector<Node> nodes;
  for (const Node& node : session.nodes()) {
    if (plan.nodes.contains(node.name)) {
      nodes.push_back(node);
    } else if (!request.nodes.empty()) {
      return absl::InvalidArgumentError(absl::StrCat(request.plan_file, ": node \"", node.name,
                                                     "\" is not in this plan: plan it first"));
    }
  }
  if (nodes.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(request.plan_file, ": holds none of the cluster's nodes: plan again"));
  }
  return nodes;
}

int WriteCommand(const GlobalOptions& global, const Session& session, const FleetRequest& request,
                 const SignedCommand& command) {
  const std::string& file = request.write_file;
  if (absl::Status kept = session.KeepUnsent(command); !kept.ok()) {
    return ReportError(global, kept);
  }
  if (absl::Status written = WriteFileDurably(file, command.envelope, kCommandFileMode);
      !written.ok()) {
    return ReportError(global, written);
  }
  if (global.json()) {
    global.out << RunAsJson(command.command, {}, kExitConverged);
  } else {
    global.out << "Wrote command " << command.command.id() << " to " << file
               << "; nothing was sent. It is accepted until "
               << absl::FormatTime(absl::FromUnixMillis(command.command.expires_at_unix_millis()))
               << ".\nTo sign it again: bpactl sign " << file
               << "\nTo send it:       bpactl apply --signed " << file << "\n";
  }
  return kExitConverged;
}

// What an apply without a question did change; after a question it was already shown as a plan.
std::string ChangesMade(const std::vector<NodeResult>& results, bool color) {
  std::vector<NodeResult> changed;
  std::copy_if(results.begin(), results.end(), std::back_inserter(changed),
               [](const NodeResult& result) { return CountResources(result.report).changed > 0; });
  return RenderChanges(changed, color);
}

int PrintPlanOnly(const GlobalOptions& global, const SignedCommand& command,
                  const std::vector<NodeResult>& plan, int exit_code) {
  if (global.json()) global.out << RunAsJson(command.command, plan, exit_code);
  return exit_code;
}

bool Confirmed(const GlobalOptions& global, const Session& session,
               const std::vector<NodeResult>& plan) {
  if (!Confirm(global, ApplyQuestion(plan))) return false;
  const std::string warning = ResetWarning(plan);
  if (warning.empty()) return true;
  global.err << warning;
  return AskFor(global, ResetQuestion(session.cluster().name), session.cluster().name);
}

int PlanAskApply(const GlobalOptions& global, const Session& session, const FleetRequest& request) {
  absl::StatusOr<SignedCommand> plan_command =
      session.Sign(session.nodes(), OptionsFor(request, v1::MODE_PLAN));
  if (!plan_command.ok()) return ReportError(global, plan_command.status());
  absl::StatusOr<RunResult> plan = session.Send(session.nodes(), *plan_command, request.fleet);
  if (!plan.ok()) return ReportError(global, plan.status());
  (global.json() ? global.err : global.out)
      << RenderPlan(plan->nodes, v1::MODE_PLAN, global.color) << std::flush;
  if (plan->interrupted || !HasChanges(plan->nodes)) {
    global.err << (plan->interrupted ? "Interrupted; nothing was changed.\n"
                                     : "Nothing to change.\n");
    return PrintPlanOnly(global, *plan_command, plan->nodes, FleetExitCode(plan->nodes));
  }
  if (!Confirmed(global, session, plan->nodes)) {
    global.err << "Nothing was changed.\n";
    return PrintPlanOnly(global, *plan_command, plan->nodes, kExitUsage);
  }
  const std::vector<Node> nodes = NodesToApply(session.nodes(), plan->nodes);
  CommandOptions options = OptionsFor(request, v1::MODE_APPLY);
  options.reviewed_plans = Reviewed(plan_command->command.id(), plan->nodes);
  absl::StatusOr<SignedCommand> command = session.Sign(nodes, options);
  if (!command.ok()) return ReportError(global, command.status());
  std::vector<NodeResult> silent;
  std::copy_if(plan->nodes.begin(), plan->nodes.end(), std::back_inserter(silent),
               [](const NodeResult& result) { return result.state != NodeState::kReported; });
  return SendAndReport(global, session,
                       {.nodes = nodes,
                        .command = *std::move(command),
                        .options = request.fleet,
                        .earlier = std::move(silent),
                        .changes_seen = true});
}

// One round, for which everything is known beforehand.
int ApplyAtOnce(const GlobalOptions& global, const Session& session, const FleetRequest& request) {
  std::vector<Node> nodes = session.nodes();
  CommandOptions options = OptionsFor(request, v1::MODE_APPLY);
  if (!request.plan_file.empty()) {
    absl::StatusOr<SavedPlan> plan = ReadPlanFor(session, request);
    if (!plan.ok()) return ReportError(global, plan.status());
    absl::StatusOr<std::vector<Node>> planned = NodesOfPlan(session, request, *plan);
    if (!planned.ok()) return ReportError(global, planned.status());
    nodes = *std::move(planned);
    for (const Node& node : nodes) options.reviewed_plans[node.name] = plan->nodes[node.name];
  }
  if (!request.yes && request.write_file.empty()) {
    const std::string question = absl::StrCat("Apply the reviewed plan ", request.plan_file, " to ",
                                              Plural(nodes.size(), "node"), "?");
    const std::string& name = session.cluster().name;
    if (!Confirm(global, question) ||
        (request.reset && !AskFor(global, ResetQuestion(name), name))) {
      global.err << "Nothing was changed.\n";
      return kExitUsage;
    }
  }
  absl::StatusOr<SignedCommand> command = session.Sign(nodes, options);
  if (!command.ok()) return ReportError(global, command.status());
  if (!request.write_file.empty()) return WriteCommand(global, session, request, *command);
  return SendAndReport(global, session,
                       {.nodes = nodes, .command = *std::move(command), .options = request.fleet});
}

}  // namespace

int RunApply(const GlobalOptions& global, const FleetRequest& request) {
  absl::StatusOr<Session> session = Session::Open(global, request.nodes);
  if (!session.ok()) return ReportError(global, session.status());
  if (request.write_file.empty()) {
    const absl::Status confirmable =
        CheckConfirmable(global, request, request.reset, session->cluster().name);
    if (!confirmable.ok()) return ReportError(global, confirmable);
  }
  if (absl::Status status = session->Prepare(request); !status.ok()) {
    return ReportError(global, status);
  }
  const bool at_once = request.yes || !request.plan_file.empty() || !request.write_file.empty();
  return at_once ? ApplyAtOnce(global, *session, request) : PlanAskApply(global, *session, request);
}

absl::Status CheckConfirmable(const GlobalOptions& global, const FleetRequest& request, bool reset,
                              const std::string& cluster) {
  if (!request.yes && !global.interactive) {
    return absl::FailedPreconditionError(
        "there is no terminal to ask on: pass --yes to apply without a question, or use `bpactl "
        "plan` to look");
  }
  if (request.yes && reset && request.confirm_reset != cluster) {
    return absl::FailedPreconditionError(
        absl::StrCat("--reset wipes data: with --yes it also needs --confirm-reset ", cluster,
                     request.confirm_reset.empty() ? "" : ", which is this cluster's name"));
  }
  return absl::OkStatus();
}

bool AskFor(const GlobalOptions& global, std::string_view question, std::string_view answer) {
  global.err << question << std::flush;
  std::string line;
  if (!std::getline(global.in, line)) {
    global.err << "\n";
    return false;
  }
  return line == answer;
}

int SendAndReport(const GlobalOptions& global, const Session& session, const Sending& sending) {
  const v1::Command& command = sending.command.command;
  absl::StatusOr<RunResult> run = session.Send(sending.nodes, sending.command, sending.options);
  if (!run.ok()) return ReportError(global, run.status());
  std::vector<NodeResult> results;
  for (const Node& node : session.nodes()) {
    const auto named = [&](const NodeResult& result) { return result.node == node.name; };
    std::copy_if(run->nodes.begin(), run->nodes.end(), std::back_inserter(results), named);
    std::copy_if(sending.earlier.begin(), sending.earlier.end(), std::back_inserter(results),
                 named);
  }
  const ExitCode exit_code = FleetExitCode(results);
  if (global.json()) {
    global.out << RunAsJson(command, results, exit_code);
    return exit_code;
  }
  const v1::Mode mode = command.mode();
  if (mode != v1::MODE_APPLY) {
    global.out << RenderPlan(results, mode, global.color) << "\n";
  } else if (!sending.changes_seen) {
    global.out << ChangesMade(results, global.color);
  }
  global.out << RenderRecap(results, global.color) << std::flush;
  return exit_code;
}

}  // namespace bpa::controller
