#include "agent/executor/converger.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "agent/executor/report.h"

namespace bpa::executor {
namespace {

// The aspect of a volume that says that it is not mounted where it should be.
constexpr char kMountAspect[] = "mount";

v1::ResourceResult ResultFor(const Resource& resource) {
  v1::ResourceResult result;
  result.set_kind(resource.kind());
  result.set_name(resource.name());
  return result;
}

void Fail(v1::ResourceResult& result, const std::string& message) {
  result.set_status(v1::RESOURCE_STATUS_FAILED);
  result.set_message(message);
  result.clear_changes();
}

bool ChangesMount(const v1::ResourceResult& result) {
  return std::any_of(result.changes().begin(), result.changes().end(),
                     [](const v1::Change& change) { return change.aspect() == kMountAspect; });
}

std::string Describe(const std::vector<Difference>& differences) {
  return absl::StrJoin(differences, "; ", [](std::string* out, const Difference& difference) {
    absl::StrAppend(out, difference.aspect, " is '", difference.before, "' and not '",
                    difference.after, "'");
  });
}

}  // namespace

Converger::Converger(std::vector<PlannedResource>& resources, v1::Mode mode,
                     ConvergeListener& listener)
    : resources_(resources), mode_(mode), listener_(listener), seen_(resources.size()) {
  for (size_t i = 0; i < resources_.size(); ++i) {
    resources_[i].resource->ReportTo(
        [this, i](const v1::PackageProgress& package) { TellPackage(i, package); });
  }
}

absl::Status Converger::CheckReviewed(const v1::ReviewedPlan& plan) {
  const std::set<std::string> reviewed(plan.change_sha256().begin(), plan.change_sha256().end());
  reviewing_ = true;
  absl::Status status;
  for (size_t i = 0; i < resources_.size() && status.ok(); ++i) {
    const v1::ResourceResult result = Observe(i);
    NoteVolume(resources_[i], result);
    for (const v1::Change& change : result.changes()) {
      if (reviewed.contains(change.fingerprint_sha256())) continue;
      status = absl::FailedPreconditionError(absl::StrCat(
          "the machine has moved since plan ", plan.plan_id(), ": ", KindName(result.kind()), " ",
          result.name(), " ", change.aspect(), " is now '", change.before(), "' (wanted '",
          change.after(), "'), which that plan did not show: plan again"));
      break;
    }
  }
  volumes_.clear();
  reviewing_ = false;
  return status;
}

absl::StatusOr<std::vector<v1::ResourceResult>> Converger::Run() {
  std::vector<v1::ResourceResult> results;
  results.reserve(resources_.size());
  while (results.size() < resources_.size()) {
    const size_t first = results.size();
    if (absl::Status s = Visit(first, GroupEnd(first), results); !s.ok()) return s;
  }
  if (mode_ == v1::MODE_APPLY) Settle(results);
  return results;
}

// A flush takes as long as all else that is done for a directory, so one serves all on a volume.
void Converger::Settle(std::vector<v1::ResourceResult>& results) {
  std::map<std::pair<v1::ResourceKind, std::string>, absl::Status> flushed;
  for (size_t i = 0; i < results.size(); ++i) {
    v1::ResourceResult& result = results[i];
    const bool changed = result.status() == v1::RESOURCE_STATUS_CHANGED;
    if (!changed && !(resuming_ && result.status() == v1::RESOURCE_STATUS_UNCHANGED)) continue;
    const std::string& volume = resources_[i].below_volume;
    const auto [flush, first] =
        flushed.try_emplace({result.kind(), volume.empty() ? result.name() : volume});
    if (first) flush->second = resources_[i].resource->Settle();
    if (flush->second.ok()) continue;
    Fail(result, absl::StrCat(changed ? "changed" : "as wanted",
                              ", but a power cut may undo it: ", flush->second.message()));
    Tell(i, result.status());
  }
}

// The directories on one volume: of each, the commit that records the step takes longer than all
// else, and they do not bear on each other's differences.
size_t Converger::GroupEnd(size_t first) const {
  const auto in_group = [&](const PlannedResource& planned) {
    return planned.resource->kind() == v1::RESOURCE_KIND_DIRECTORY &&
           planned.below_volume == resources_[first].below_volume;
  };
  size_t end = first;
  while (end < resources_.size() && in_group(resources_[end])) ++end;
  return std::max(end, first + 1);
}

absl::Status Converger::CheckNotStopping(size_t index) {
  if (!listener_.Stopping()) return absl::OkStatus();
  return absl::CancelledError(
      absl::StrCat("stopped before resource ", index + 1, " of ", resources_.size()));
}

absl::Status Converger::Visit(size_t first, size_t end, std::vector<v1::ResourceResult>& results) {
  std::vector<absl::Duration> took;
  for (size_t i = first; i < end; ++i) {
    if (absl::Status s = CheckNotStopping(i); !s.ok()) return s;
    const absl::Time start = absl::Now();
    results.push_back(Observe(i));
    took.push_back(absl::Now() - start);
  }
  const absl::Status announced = Announce(first, results);
  for (size_t i = first; i < end; ++i) {
    v1::ResourceResult& result = results[i];
    const absl::Time start = absl::Now();
    if (IsToBeChanged(result)) {
      if (absl::Status s = i > first ? CheckNotStopping(i) : absl::OkStatus(); !s.ok()) return s;
      Converge(i, announced, result);
    }
    result.set_duration_micros(absl::ToInt64Microseconds(took[i - first] + (absl::Now() - start)));
    NoteVolume(resources_[i], result);
    Tell(i, result.status());
  }
  return absl::OkStatus();
}

bool Converger::IsToBeChanged(const v1::ResourceResult& result) const {
  return mode_ == v1::MODE_APPLY && result.status() == v1::RESOURCE_STATUS_WOULD_CHANGE;
}

absl::Status Converger::Announce(size_t first, const std::vector<v1::ResourceResult>& results) {
  std::vector<UpcomingChange> changes;
  for (size_t i = first; i < results.size(); ++i) {
    if (!IsToBeChanged(results[i])) continue;
    changes.push_back({static_cast<int>(i) + 1, results[i].kind(), results[i].name()});
  }
  return changes.empty() ? absl::OkStatus() : listener_.BeforeChanges(changes);
}

// What lies beneath a volume that is not there cannot be observed: nullopt when it can be.
std::optional<v1::ResourceResult> Converger::JudgeBelowVolume(
    const PlannedResource& planned) const {
  const auto volume = volumes_.find(planned.below_volume);
  if (volume == volumes_.end() || volume->second == Volume::kMounted) return std::nullopt;
  v1::ResourceResult result = ResultFor(*planned.resource);
  if (volume->second == Volume::kNotMounted && (mode_ == v1::MODE_PLAN || reviewing_)) {
    result.set_status(v1::RESOURCE_STATUS_WOULD_CHANGE);
    *result.add_changes() =
        MakeChange(result.kind(), result.name(),
                   {.aspect = KindName(result.kind()),
                    .before = absl::StrCat("unknown until ", planned.below_volume, " is mounted"),
                    .after = planned.wanted.empty() ? "as the role wants it" : planned.wanted});
    return result;
  }
  result.set_status(v1::RESOURCE_STATUS_SKIPPED);
  result.set_message(volume->second == Volume::kFailed
                         ? absl::StrCat("not touched: the volume on ", planned.below_volume,
                                        " failed, and this must not land on the disk below it")
                         : absl::StrCat("not looked at: ", planned.below_volume,
                                        " is not mounted as the role wants it"));
  return result;
}

v1::ResourceResult Converger::Observe(size_t index) {
  const PlannedResource& planned = resources_[index];
  if (std::optional<v1::ResourceResult> judged = JudgeBelowVolume(planned)) return *judged;

  v1::ResourceResult result = ResultFor(*planned.resource);
  std::vector<Difference> differences;
  if (seen_[index]) {
    differences = *seen_[index];
  } else {
    absl::StatusOr<std::vector<Difference>> observed = planned.resource->Observe();
    if (!observed.ok()) {
      Fail(result, std::string(observed.status().message()));
      return result;
    }
    differences = *std::move(observed);
    if (reviewing_) seen_[index] = differences;
  }
  result.set_status(differences.empty() ? v1::RESOURCE_STATUS_UNCHANGED
                                        : v1::RESOURCE_STATUS_WOULD_CHANGE);
  for (const Difference& difference : differences) {
    *result.add_changes() = MakeChange(result.kind(), result.name(), difference);
  }
  return result;
}

void Converger::Converge(size_t index, const absl::Status& announced, v1::ResourceResult& result) {
  Resource& resource = *resources_[index].resource;
  const int position = static_cast<int>(index) + 1;
  Tell(index, v1::RESOURCE_STATUS_UNSPECIFIED);
  if (!announced.ok()) {
    Fail(result,
         absl::StrCat("not changed, because the journal cannot record it: ", announced.message()));
    return;
  }
  // From here on the machine is another one than CheckReviewed saw.
  std::fill(seen_.begin(), seen_.end(), std::nullopt);
  if (absl::Status s = ConvergeAndReadBack(resource); s.ok()) {
    result.set_status(v1::RESOURCE_STATUS_CHANGED);
  } else {
    Fail(result, std::string(s.message()));
  }
  listener_.AfterChange(position, result);
}

absl::Status Converger::ConvergeAndReadBack(Resource& resource) {
  if (absl::Status s = resource.Converge(); !s.ok()) return s;
  absl::StatusOr<std::vector<Difference>> left = resource.Observe();
  if (!left.ok()) {
    return absl::Status(left.status().code(), absl::StrCat("changed, but could not be read back: ",
                                                           left.status().message()));
  }
  if (left->empty()) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("did not read back: ", Describe(*left)));
}

void Converger::NoteVolume(const PlannedResource& planned, const v1::ResourceResult& result) {
  if (result.kind() != v1::RESOURCE_KIND_VOLUME) return;
  Volume& volume = volumes_[result.name()];
  if (result.status() == v1::RESOURCE_STATUS_FAILED ||
      result.status() == v1::RESOURCE_STATUS_SKIPPED) {
    volume = Volume::kFailed;
  } else if (result.status() == v1::RESOURCE_STATUS_WOULD_CHANGE &&
             (ChangesMount(result) || JudgeBelowVolume(planned))) {
    volume = Volume::kNotMounted;
  } else {
    volume = Volume::kMounted;
  }
}

v1::Progress Converger::ProgressOf(size_t index) const {
  v1::Progress progress;
  progress.set_kind(resources_[index].resource->kind());
  progress.set_name(resources_[index].resource->name());
  progress.set_position(static_cast<uint32_t>(index) + 1);
  progress.set_total(static_cast<uint32_t>(resources_.size()));
  return progress;
}

void Converger::Tell(size_t index, v1::ResourceStatus status) {
  v1::Progress progress = ProgressOf(index);
  progress.set_status(status);
  listener_.OnProgress(progress);
}

void Converger::TellPackage(size_t index, const v1::PackageProgress& package) {
  v1::Progress progress = ProgressOf(index);
  *progress.mutable_package() = package;
  listener_.OnProgress(progress);
}

}  // namespace bpa::executor
