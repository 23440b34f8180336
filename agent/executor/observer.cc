#include "agent/executor/observer.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "agent/executor/converger.h"

namespace bpa::executor {
namespace {

class NobodyListens : public ConvergeListener {
 public:
  explicit NobodyListens(const std::atomic<bool>& stopping) : stopping_(stopping) {}
  void OnProgress(const v1::Progress&) override {}
  absl::Status BeforeChanges(const std::vector<UpcomingChange>&) override {
    return absl::InternalError("observing changes nothing");
  }
  void AfterChange(int, const v1::ResourceResult&) override {}
  bool Stopping() override { return stopping_; }

 private:
  const std::atomic<bool>& stopping_;
};

// At most `limit` bytes, and not in the middle of a character.
std::string Shorten(std::string text, size_t limit) {
  if (text.size() <= limit) return text;
  size_t end = limit;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  text.resize(end);
  return text + "...";
}

v1::Drift DriftOf(v1::ResourceStatus status) {
  if (status == v1::RESOURCE_STATUS_UNCHANGED) return v1::DRIFT_NONE;
  return status == v1::RESOURCE_STATUS_WOULD_CHANGE ? v1::DRIFT_DIFFERS : v1::DRIFT_UNKNOWN;
}

std::string MessageOf(const v1::ResourceResult& result) {
  if (result.changes().empty()) return result.message();
  return absl::StrJoin(result.changes(), "; ", [](std::string* out, const v1::Change& change) {
    absl::StrAppend(out, change.aspect(), " is ", change.before(), ", wanted ", change.after());
  });
}

void Tell(const v1::ResourceResult& result, v1::NodeStatus& status) {
  v1::ResourceState& state = *status.add_resources();
  state.set_kind(result.kind());
  state.set_name(result.name());
  state.set_drift(DriftOf(result.status()));
  state.set_message(Shorten(MessageOf(result), kMaxDriftMessageBytes));
}

// What is too much loses its messages first, then its last resources.
void Bound(v1::NodeStatus& status) {
  if (status.ByteSizeLong() <= kMaxNodeStatusBytes) return;
  for (v1::ResourceState& state : *status.mutable_resources()) state.clear_message();
  const int all = status.resources_size();
  while (status.ByteSizeLong() > kMaxNodeStatusBytes && !status.resources().empty()) {
    status.mutable_resources()->RemoveLast();
  }
  status.set_error(absl::StrCat("too much to tell: messages are left out, and ",
                                all - status.resources_size(), " of ", all, " resources"));
}

void FillLastApply(const AppliedState& applied, const std::string& applying,
                   v1::LastApply& last_apply) {
  last_apply.set_command_id(applied.command_id);
  last_apply.set_at_unix_millis(absl::ToUnixMillis(applied.at));
  const bool broken_off =
      applied.outcome == v1::OUTCOME_UNSPECIFIED && applying != applied.command_id;
  last_apply.set_outcome(broken_off ? v1::OUTCOME_INTERRUPTED : applied.outcome);
  last_apply.set_operator_name(applied.operator_name);
  last_apply.set_role(applied.role.name());
}

}  // namespace

Observer::Observer(Planner planner, Journal& journal, Clock clock)
    : planner_(std::move(planner)), journal_(journal), clock_(std::move(clock)) {}

absl::StatusOr<v1::NodeStatus> Observer::Look(const std::string& applying,
                                              const std::atomic<bool>& stopping) const {
  const absl::Time start = absl::Now();
  v1::NodeStatus status;
  status.set_observed_at_unix_millis(absl::ToUnixMillis(clock_()));
  const absl::StatusOr<JournalSize> size = journal_.Size();
  if (!size.ok()) return size.status();
  status.mutable_journal()->set_size_bytes(size->bytes);
  status.mutable_journal()->set_commands(size->commands);
  status.mutable_journal()->set_audit_entries(size->audit_entries);
  const absl::StatusOr<std::optional<AppliedState>> applied = journal_.Applied();
  if (!applied.ok()) return applied.status();
  if (*applied) {
    FillLastApply(**applied, applying, *status.mutable_last_apply());
    absl::Status s = LookAtResources(**applied, applying.empty(), stopping, status);
    if (absl::IsAborted(s)) return s;
    if (!s.ok()) status.set_error(Shorten(std::string(s.message()), kMaxDriftMessageBytes));
  }
  Bound(status);
  status.set_duration_micros(absl::ToInt64Microseconds(absl::Now() - start));
  return status;
}

absl::Status Observer::LookAtResources(const AppliedState& applied, bool drift,
                                       const std::atomic<bool>& stopping,
                                       v1::NodeStatus& status) const {
  absl::StatusOr<std::vector<PlannedResource>> resources =
      planner_(applied.role, applied.target,
               {.command_id = applied.command_id,
                .mode = v1::MODE_VERIFY,
                .glance = true,
                .stopping = &stopping});
  if (!resources.ok()) return resources.status();
  for (const PlannedResource& planned : *resources) planned.resource->Measure(status);
  if (!drift) {
    return absl::UnavailableError("an apply is under way: looked at again when it has ended");
  }
  NobodyListens listener(stopping);
  const auto results = Converger(*resources, v1::MODE_VERIFY, listener).Run();
  if (!results.ok()) return absl::AbortedError("the executor on this node is being stopped");
  for (const v1::ResourceResult& result : *results) Tell(result, status);
  return absl::OkStatus();
}

}  // namespace bpa::executor
