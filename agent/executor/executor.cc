#include "agent/executor/executor.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agent/executor/audit_reply.h"
#include "agent/executor/command_run.h"
#include "agent/executor/converger.h"
#include "agent/executor/forms.h"
#include "agent/executor/package/noted_content.h"
#include "agent/executor/refusal.h"
#include "proto/envelope.h"
#include "proto/sha256.h"
#include "proto/verifier.h"

namespace bpa::executor {
namespace {

std::string ModeName(v1::Mode mode) {
  if (mode == v1::MODE_PLAN) return "plan";
  if (mode == v1::MODE_APPLY) return "apply";
  return mode == v1::MODE_VERIFY ? "verify" : "unknown";
}

absl::Status IdWasUsed(const std::string& id) {
  return Refuse(
      v1::REFUSAL_REASON_REPLAY,
      absl::FailedPreconditionError(absl::StrCat(
          "id ", id, " was already used for another command on this node: sign it with a new id")));
}

absl::Status Stopped() {
  return absl::AbortedError(
      "the executor on this node is being stopped: send the same command again");
}

std::string PayloadDigest(const Envelope& envelope) {
  const Sha256 digest = DigestOf(envelope.payload);
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

// Why what PlanResources refused was refused.
v1::RefusalReason PlanRefusal(const absl::Status& status) {
  if (absl::IsPermissionDenied(status)) return v1::REFUSAL_REASON_POLICY;
  if (absl::IsFailedPrecondition(status)) return v1::REFUSAL_REASON_TARGET;
  return absl::IsInvalidArgument(status) ? v1::REFUSAL_REASON_MALFORMED : v1::REFUSAL_REASON_NODE;
}

bool AnyFailed(const std::vector<v1::ResourceResult>& results) {
  return std::any_of(results.begin(), results.end(), [](const v1::ResourceResult& result) {
    return result.status() == v1::RESOURCE_STATUS_FAILED;
  });
}

// Adds what a failed write to the journal means for the machine.
absl::Status CannotRecord(const absl::Status& status, const char* consequence,
                          const std::string& state) {
  return absl::Status(
      absl::IsResourceExhausted(status) ? status.code() : absl::StatusCode::kFailedPrecondition,
      absl::StrCat("the journal cannot record the command, ", consequence, ": ", status.message(),
                   absl::IsResourceExhausted(status)
                       ? absl::StrCat(": make room on the filesystem of ", state)
                       : ""));
}

}  // namespace

Executor::Executor(const Config& config, Planner planner, Journal& journal,
                   const ReportSigner& signer, Clock clock)
    : config_(config),
      planner_(std::move(planner)),
      journal_(journal),
      signer_(signer),
      clock_(std::move(clock)),
      observer_(planner_, journal, clock_) {}

void Executor::Stop() { stopping_ = true; }

absl::StatusOr<Command> Executor::ReadCommand(std::string_view envelope,
                                              const Caller& caller) const {
  RequestSummary& summary = caller.summary;
  absl::StatusOr<Envelope> decoded = DecodeEnvelope(envelope);
  if (!decoded.ok()) return Refuse(v1::REFUSAL_REASON_MALFORMED, decoded.status());
  // Of bytes whose signature is not checked yet, nothing but what they are.
  caller.audit.set_command_sha256(PayloadDigest(*decoded));
  // Read anew for each request: keys rotate, and are revoked, without a restart.
  absl::StatusOr<Verifier> verifier = Verifier::FromDirectory(config_.trusted_signers);
  if (!verifier.ok()) {
    return absl::FailedPreconditionError(
        absl::StrCat("this node's trusted signers: ", verifier.status().message()));
  }
  absl::StatusOr<VerifiedPayload> payload =
      verifier->Verify(*decoded, kCommandPayloadType, /*threshold=*/1);
  if (!payload.ok()) {
    if (verifier->empty()) return Refuse(v1::REFUSAL_REASON_NODE, payload.status());
    return Refuse(absl::IsUnauthenticated(payload.status()) ? v1::REFUSAL_REASON_SIGNATURE
                                                            : v1::REFUSAL_REASON_MALFORMED,
                  payload.status());
  }
  summary.signers = absl::StrJoin(payload->signers(), ",");
  caller.audit.mutable_signers()->Assign(payload->signers().begin(), payload->signers().end());
  absl::StatusOr<Command> command = ParseCommand(*payload);
  if (!command.ok()) return Refuse(v1::REFUSAL_REASON_MALFORMED, command.status());
  summary.command_id = command->proto().id();
  summary.mode = ModeName(command->proto().mode());
  summary.operator_name = command->proto().operator_name();
  summary.ended->set_mode(command->proto().mode());
  summary.ended->set_command_id(command->proto().id());
  summary.ended->set_operator_name(command->proto().operator_name());
  *summary.ended->mutable_signers() = caller.audit.signers();
  caller.audit.set_command_id(command->proto().id());
  caller.audit.set_mode(command->proto().mode());
  caller.audit.set_operator_name(command->proto().operator_name());
  caller.audit.set_reason(command->proto().reason());
  return command;
}

absl::Status Executor::CheckNotBusy(const Command& command) {
  if (command.proto().mode() != v1::MODE_APPLY || applying_.empty()) return absl::OkStatus();
  return Refuse(v1::REFUSAL_REASON_BUSY,
                absl::AbortedError(
                    absl::StrCat("busy with ", applying_, ": try again when it has finished")));
}

absl::StatusOr<Executor::Decision> Executor::Decide(const Command& command) {
  const std::string& id = command.proto().id();
  // One lock over all questions: the answer to the first must still hold at the last.
  const std::lock_guard lock(mutex_);
  Decision decision;
  if (const auto running = runs_.find(id); running != runs_.end()) {
    if (running->second->payload_sha256 != command.payload_sha256()) return IdWasUsed(id);
    decision.attach = running->second;
    return decision;
  }
  absl::StatusOr<std::optional<CommandRecord>> record = journal_.Find(id);
  if (!record.ok()) return record.status();
  if (*record) {
    if ((*record)->payload_sha256 != command.payload_sha256()) return IdWasUsed(id);
    decision.stored_report = (*record)->report;
    if (decision.stored_report) return decision;
    absl::StatusOr<std::vector<StepRecord>> steps = journal_.Steps(id);
    if (!steps.ok()) return steps.status();
    decision.earlier_steps = *std::move(steps);
    decision.resume = true;
  }
  absl::StatusOr<Assignment> assignment = Admit(command, config_, clock_());
  if (!assignment.ok()) return assignment.status();
  if (absl::Status s = CheckNotBusy(command); !s.ok()) return s;
  if (stopping_) return Stopped();
  decision.assignment = *assignment;
  decision.run = std::make_shared<Run>();
  decision.run->payload_sha256 = command.payload_sha256();
  runs_[id] = decision.run;
  if (command.proto().mode() == v1::MODE_APPLY) {
    applying_ = id;
    ++applies_;
  }
  return decision;
}

absl::StatusOr<std::string> Executor::Execute(std::string_view envelope, ContentSource* content,
                                              const ProgressSink& progress,
                                              RequestSummary& summary) {
  v1::AuditRecord audit;
  audit.set_agent_version(kAgentVersion);
  const Caller caller{.content = content, .progress = progress, .summary = summary, .audit = audit};
  summary.ended.emplace();
  const absl::StatusOr<Command> command = ReadCommand(envelope, caller);
  absl::StatusOr<std::string> answer = command.ok() ? Answer(*command, caller) : command.status();
  // What ends for another connection is refused, and recorded, there.
  if (!answer.ok() && !summary.ended->again()) NoteRefusal(answer.status(), caller);
  return answer;
}

v1::AuditRecord& Executor::Stamp(v1::AuditRecord& audit, v1::AuditEvent event) const {
  audit.set_event(event);
  audit.set_at_unix_millis(absl::ToUnixMillis(clock_()));
  return audit;
}

// It is refused whether or not that can be recorded.
void Executor::NoteRefusal(const absl::Status& refusal, const Caller& caller) {
  caller.summary.ended->set_refusal(RefusalOf(refusal));
  caller.audit.set_refusal(RefusalOf(refusal));
  caller.audit.set_message(AuditMessage(std::string(refusal.message())));
  caller.summary.audit = journal_.Audit(Stamp(caller.audit, v1::AUDIT_EVENT_REFUSED));
}

absl::StatusOr<std::string> Executor::Answer(const Command& command, const Caller& caller) {
  absl::StatusOr<Decision> decision = Decide(command);
  if (!decision.ok()) return decision.status();
  if (decision->stored_report) {
    caller.summary.answer = "stored report";
    caller.summary.ended->set_again(true);
    return *std::move(decision->stored_report);
  }
  if (decision->attach != nullptr) {
    caller.summary.answer = "attached";
    caller.summary.ended->set_again(true);
    return AwaitResult(*decision->attach);
  }
  caller.summary.answer = decision->resume ? "resumed" : "carried out";
  absl::StatusOr<std::string> result = CarryOut(command, *decision, caller);
  Publish(command.proto().id(), *decision->run, result);
  return result;
}

absl::StatusOr<std::string> Executor::AwaitResult(const Run& run) {
  std::unique_lock lock(mutex_);
  run_ended_.wait(lock, [&] { return run.result.has_value(); });
  return *run.result;
}

void Executor::Publish(const std::string& id, Run& run, const absl::StatusOr<std::string>& result) {
  {
    const std::lock_guard lock(mutex_);
    runs_.erase(id);
    if (applying_ == id) applying_.clear();
    run.result = result;
  }
  run_ended_.notify_all();
}

// One that was interrupted has succeeded its predecessor already: doing so again changes nothing.
absl::StatusOr<AppliedState> Executor::WhatIsWanted(const Command& command,
                                                    const Assignment& assignment) {
  const absl::StatusOr<std::optional<AppliedState>> previous = journal_.Applied();
  if (!previous.ok()) return previous.status();
  return Succeed(*previous, {.command_id = command.proto().id(),
                             .operator_name = command.proto().operator_name(),
                             .at = clock_(),
                             .role = *assignment.role,
                             .target = *assignment.target});
}

absl::StatusOr<std::string> Executor::CarryOut(const Command& command, const Decision& decision,
                                               const Caller& caller) {
  const v1::Command& proto = command.proto();
  const bool apply = proto.mode() == v1::MODE_APPLY;
  const v1::Target& target = *decision.assignment.target;
  NotedContent noted(caller.content);
  absl::StatusOr<std::vector<PlannedResource>> resources =
      planner_(*decision.assignment.role, target,
               {.command_id = proto.id(),
                .mode = proto.mode(),
                .reset_directories = proto.reset_directories(),
                .distinct_signers = static_cast<int>(command.signers().size()),
                .reviewed = target.has_reviewed_plan(),
                .content = caller.content == nullptr ? nullptr : &noted,
                .stopping = &stopping_});
  if (!resources.ok()) return Refuse(PlanRefusal(resources.status()), resources.status());

  StepJournal steps(journal_, proto.id(), caller.progress, stopping_);
  Converger converger(*resources, proto.mode(), steps);
  if (decision.resume) converger.Resume();
  CommandRecord record = MakeRecord(command, clock_(), config_.policy.max_clock_skew);
  AppliedState applied;
  if (apply) {
    absl::StatusOr<AppliedState> wanted = WhatIsWanted(command, decision.assignment);
    if (!wanted.ok()) return wanted.status();
    applied = *std::move(wanted);
  }
  if (apply && !decision.resume) {
    if (target.has_reviewed_plan()) {
      if (absl::Status s = converger.CheckReviewed(target.reviewed_plan()); !s.ok()) {
        return Refuse(v1::REFUSAL_REASON_PLAN, s);
      }
    }
    const absl::Status s =
        journal_.Accept(record, Stamp(caller.audit, v1::AUDIT_EVENT_ACCEPTED), &applied);
    if (!s.ok()) {
      return CannotRecord(s, "and nothing was changed", config_.state);
    }
  }

  const absl::Time started = clock_();
  absl::StatusOr<std::vector<v1::ResourceResult>> results = converger.Run();
  if (!results.ok() || (apply && (noted.lost() || stopping_) && AnyFailed(*results))) {
    if (!apply) return Stopped();
    // A step that cannot be written shows as begun, which is true of it as well.
    (void)steps.Flush();
    caller.summary.ended->set_outcome(v1::OUTCOME_INTERRUPTED);
    return SignInterrupted(record);
  }
  const v1::Report made = MakeReport(command, started, clock_(), *results, decision.earlier_steps);
  absl::StatusOr<std::string> report = signer_.Sign(made);
  if (!report.ok()) return report;
  applied.at = absl::FromUnixMillis(made.finished_at_unix_millis());
  applied.outcome = made.outcome();
  record.report = *report;
  v1::AuditRecord& audit = Stamp(caller.audit, v1::AUDIT_EVENT_ENDED);
  audit.set_outcome(made.outcome());
  absl::Status stored = apply ? journal_.Finish(proto.id(), *report, audit, &applied)
                              : journal_.RecordFinished(record, audit);
  if (!stored.ok()) {
    return CannotRecord(
        stored,
        apply ? "which was carried out: send it again for its report" : "which changes nothing",
        config_.state);
  }
  caller.summary.ended->set_outcome(made.outcome());
  return report;
}

absl::StatusOr<std::string> Executor::Observe(RequestSummary& summary) {
  summary.mode = "observe";
  const std::unique_lock alone(observing_, std::try_to_lock);
  if (!alone.owns_lock()) return absl::AbortedError("this node is being looked at already");
  std::string applying;
  uint64_t applies = 0;
  {
    const std::lock_guard lock(mutex_);
    applying = applying_;
    applies = applies_;
  }
  const absl::StatusOr<v1::NodeStatus> status = observer_.Look(applying, stopping_);
  if (!status.ok()) return status.status();
  {
    const std::lock_guard lock(mutex_);
    if (applies != applies_) {
      return absl::AbortedError("an apply began meanwhile: look again when it has ended");
    }
  }
  summary.answer = "observed";
  return status->SerializeAsString();
}

absl::StatusOr<std::string> Executor::SignInterrupted(const CommandRecord& record) {
  absl::StatusOr<std::vector<StepRecord>> steps = journal_.Steps(record.id);
  if (!steps.ok()) return steps.status();
  return signer_.Sign(InterruptedReport(record, *steps));
}

absl::StatusOr<std::string> Executor::GetAudit(const AuditRequest& request, const AuditSink& sink,
                                               RequestSummary& summary) {
  summary.mode = "audit";
  AuditReply reply(journal_, signer_);
  absl::StatusOr<std::string> head = reply.Send(request, clock_(), sink);
  summary.answer = "audit record";
  summary.audit = reply.broken();
  return head;
}

absl::StatusOr<std::string> Executor::GetReport(std::string_view command_id,
                                                RequestSummary& summary) {
  if (!IsUuidV7(command_id)) {
    return absl::InvalidArgumentError(
        absl::StrCat(Quoted(command_id), " is not a command id (a lower-case UUIDv7)"));
  }
  summary.command_id = std::string(command_id);
  const std::lock_guard lock(mutex_);
  if (runs_.contains(summary.command_id)) {
    return absl::AbortedError(absl::StrCat("command ", summary.command_id,
                                           " is running: ask again when it has finished"));
  }
  absl::StatusOr<std::optional<CommandRecord>> record = journal_.Find(summary.command_id);
  if (!record.ok()) return record.status();
  if (!*record) {
    return absl::NotFoundError(absl::StrCat("this node has no record of command ",
                                            summary.command_id,
                                            ": it was refused, never arrived, or was forgotten"));
  }
  summary.mode = ModeName((*record)->mode);
  summary.operator_name = (*record)->operator_name;
  summary.signers = absl::StrJoin((*record)->signers, ",");
  summary.answer = (*record)->report ? "stored report" : "interrupted";
  if ((*record)->report) return *std::move((*record)->report);
  return SignInterrupted(**record);
}

}  // namespace bpa::executor
