#include "controller/history/run.h"

#include <algorithm>
#include <utility>

#include "controller/exit_code.h"

namespace bpa::controller {
namespace {

// A gateway may say as much as gRPC lets it.
constexpr size_t kMaxMessageBytes = 4096;

NodeRun& Find(const std::string& name, Run* run) {
  for (NodeRun& node : run->nodes) {
    if (node.node == name) return node;
  }
  run->nodes.push_back({.node = name});
  return run->nodes.back();
}

bool HasFinalReport(const NodeRun& node) {
  return node.state == StateWord(NodeState::kReported) &&
         node.outcome != OutcomeWord(v1::OUTCOME_INTERRUPTED);
}

void NoteSent(const RunEvent& event, NodeRun* node) {
  if (HasFinalReport(*node)) return;
  node->state = std::string(kSentState);
  node->sent_at = event.at;
}

void NoteEnd(const NodeRun& ended, NodeRun* node) {
  if (HasFinalReport(*node) && ended.state != StateWord(NodeState::kReported)) return;
  // Not sent this time, but earlier: that is still how it stands.
  if (node->state != StateWord(NodeState::kNotSent) &&
      ended.state == StateWord(NodeState::kNotSent)) {
    return;
  }
  const std::string role = node->role;
  const absl::Time sent_at = node->sent_at;
  *node = ended;
  node->role = role;
  if (node->sent_at == absl::InfinitePast()) node->sent_at = sent_at;
}

// Over all sendings; `last` is what the last one alone exited with.
int WorstExitCode(const Run& run, int last) {
  int worst = kExitConverged;
  bool sent = false;
  for (const NodeRun& node : run.nodes) {
    if (node.state == StateWord(NodeState::kNotSent)) continue;
    sent = true;
    worst = std::max(worst, node.exit_code);
  }
  // Nodes that it stopped before make it a failure, too.
  return !sent || last == kExitFailed ? std::max(worst, last) : worst;
}

}  // namespace

size_t Run::reported() const {
  return static_cast<size_t>(std::count_if(nodes.begin(), nodes.end(), [](const NodeRun& node) {
    return node.state == StateWord(NodeState::kReported);
  }));
}

Run NewRun(const SentCommand& sent, std::vector<std::string> signers) {
  const v1::Command& command = sent.command;
  Run run{.id = command.id(),
          .mode = ModeWord(command.mode()),
          .reset = command.reset_directories(),
          .cluster = command.cluster(),
          .operator_name = command.operator_name(),
          .reason = command.reason(),
          .signers = std::move(signers),
          .command_sha256 = sent.payload_sha256,
          .issued_at = absl::FromUnixMillis(command.issued_at_unix_millis())};
  run.started_at = run.issued_at;
  for (const v1::Target& target : command.targets()) {
    run.nodes.push_back({.node = target.node(), .role = target.role()});
  }
  return run;
}

void Apply(const RunEvent& event, Run* run) {
  switch (event.kind) {
    case RunEvent::Kind::kBegan:
      // Written to a file is not sent.
      if (run->sendings++ == 0 || run->verb.ends_with("--write")) {
        run->verb = event.verb;
        run->started_at = event.at;
      }
      run->finished_at = absl::InfinitePast();
      return;
    case RunEvent::Kind::kSent:
      return NoteSent(event, &Find(event.node.node, run));
    case RunEvent::Kind::kEnded:
      return NoteEnd(event.node, &Find(event.node.node, run));
    case RunEvent::Kind::kFinished:
      run->finished_at = event.at;
      run->exit_code = WorstExitCode(*run, event.exit_code);
      return;
  }
}

NodeRun ToNodeRun(const NodeResult& result, absl::Time sent_at) {
  NodeRun node{.node = result.node,
               .state = StateWord(result.state),
               .code = absl::StatusCodeToString(result.status.code()),
               .message = std::string(result.status.message().substr(0, kMaxMessageBytes)),
               .sent_at = sent_at,
               .elapsed = result.elapsed,
               .exit_code = FleetExitCode({result})};
  if (result.state == NodeState::kReported) {
    node.outcome = OutcomeWord(result.report.outcome());
    node.counts = CountResources(result.report);
  }
  return node;
}

std::string ResultWord(const Run& run) {
  if (!run.finished()) return "unfinished";
  const auto sent = [](const NodeRun& node) {
    return node.state != StateWord(NodeState::kNotSent);
  };
  if (std::none_of(run.nodes.begin(), run.nodes.end(), sent)) return "not sent";
  switch (run.exit_code) {
    case kExitConverged:
      return "converged";
    case kExitDifferences:
      return "differences";
    case kExitUnreachable:
      return "unreachable";
    case kExitRefused:
      return "refused";
    default:
      return "failed";
  }
}

}  // namespace bpa::controller
