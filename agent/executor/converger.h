// Drives a list of resources to their wanted state, or tells how far they are from it.
#ifndef BPA_AGENT_EXECUTOR_CONVERGER_H_
#define BPA_AGENT_EXECUTOR_CONVERGER_H_

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/executor/desired_state.h"
#include "bpa/v1/command.pb.h"
#include "bpa/v1/report.pb.h"

namespace bpa::executor {

// Positions are 1-based.
struct UpcomingChange {
  int position;
  v1::ResourceKind kind;
  std::string name;
};

// What the converger tells, and asks, while it works.
class ConvergeListener {
 public:
  virtual ~ConvergeListener() = default;

  virtual void OnProgress(const v1::Progress& progress) = 0;
  // Before these are changed, one after the other; a failure keeps all from being changed. Not
  // empty.
  virtual absl::Status BeforeChanges(const std::vector<UpcomingChange>& changes) = 0;
  // After one of them has been changed, or changing it has failed.
  virtual void AfterChange(int position, const v1::ResourceResult& result) = 0;
  // Asked before each resource: whether to leave off here.
  virtual bool Stopping() = 0;
};

// For one command and one thread. `resources` and `listener` must outlive it.
class Converger {
 public:
  Converger(std::vector<PlannedResource>& resources, v1::Mode mode, ConvergeListener& listener);

  // Observes everything and changes nothing. FailedPrecondition, naming the first resource, when
  // the machine differs from what is wanted in a way that `plan` does not list. What cannot be
  // observed passes: Run reports it as failed.
  absl::Status CheckReviewed(const v1::ReviewedPlan& plan);

  // This command was broken off before: what its earlier run changed, and this one will find as
  // wanted, need not be durable yet.
  void Resume() { resuming_ = true; }

  // One result per resource, in order. A failure does not keep the others from going on, but what
  // lies beneath a volume that is not mounted is not touched. Cancelled when told to stop.
  absl::StatusOr<std::vector<v1::ResourceResult>> Run();

 private:
  // Whether a role's volume can be relied on by what lies beneath it.
  enum class Volume { kMounted, kNotMounted, kFailed };

  // Where the resources end that are visited together with the one at `first`.
  size_t GroupEnd(size_t first) const;
  absl::Status Visit(size_t first, size_t end, std::vector<v1::ResourceResult>& results);
  absl::Status CheckNotStopping(size_t index);
  bool IsToBeChanged(const v1::ResourceResult& result) const;
  v1::ResourceResult Observe(size_t index);
  std::optional<v1::ResourceResult> JudgeBelowVolume(const PlannedResource& planned) const;
  // Tells the listener what of `results`, from `first` on, is about to be changed.
  absl::Status Announce(size_t first, const std::vector<v1::ResourceResult>& results);
  void Converge(size_t index, const absl::Status& announced, v1::ResourceResult& result);
  absl::Status ConvergeAndReadBack(Resource& resource);
  void Settle(std::vector<v1::ResourceResult>& results);
  void NoteVolume(const PlannedResource& planned, const v1::ResourceResult& result);
  void Tell(size_t index, v1::ResourceStatus status);
  void TellPackage(size_t index, const v1::PackageProgress& package);
  v1::Progress ProgressOf(size_t index) const;

  std::vector<PlannedResource>& resources_;
  const v1::Mode mode_;
  ConvergeListener& listener_;
  // By mount point; filled as volumes are visited.
  std::map<std::string, Volume> volumes_;
  // What CheckReviewed saw, by index: good until something has been changed.
  std::vector<std::optional<std::vector<Difference>>> seen_;
  bool reviewing_ = false;
  bool resuming_ = false;
};

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_CONVERGER_H_
