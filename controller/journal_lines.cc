#include "controller/journal_lines.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "proto/log_event.h"

namespace bpa::controller {
namespace {

// A refusal's reason is not told to bpactl, but for its message.
std::string ResultOf(const NodeResult& result, const v1::Ended& ended) {
  switch (result.state) {
    case NodeState::kReported:
      return ResultName(ended);
    case NodeState::kRefused:
      return "refused";
    case NodeState::kUnreachable:
      return "unreachable";
    case NodeState::kBadReport:
      return "bad report";
    case NodeState::kNotSent:
      break;
  }
  return "not sent";
}

LogEvent EventOf(const v1::Command& command, const NodeResult& result) {
  v1::Ended ended;
  ended.set_command_id(command.id());
  ended.set_mode(command.mode());
  ended.set_operator_name(command.operator_name());
  ended.set_outcome(result.report.outcome());
  *ended.mutable_signers() = result.report.signers();
  const std::string how = ResultOf(result, ended);
  LogEvent event = CommandEvent(ended, how);
  if (result.state == NodeState::kRefused) event.message_id = kCommandRefusedId;
  event.message = absl::StrCat("command=", command.id(), " mode=", ModeName(command.mode()),
                               " node=", result.node, " result=", how,
                               " took_ms=", absl::ToInt64Milliseconds(result.elapsed));
  if (!result.status.ok()) {
    absl::StrAppend(&event.message, " message=", absl::Utf8SafeCEscape(result.status.message()));
  }
  return event;
}

}  // namespace

void TellJournal(const v1::Command& command, const std::vector<NodeResult>& results,
                 const std::string& socket_path) {
  for (const NodeResult& result : results) {
    const LogEvent event = EventOf(command, result);
    // The command's results are shown and kept elsewhere: a journal that is not there takes
    // nothing.
    (void)SendToJournal(socket_path,
                        JournalFields(event, {.program = "bpactl", .node = result.node}));
  }
}

}  // namespace bpa::controller
