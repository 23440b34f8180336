#include "agent/executor/converger.h"

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "agent/executor/report.h"
#include "gtest/gtest.h"
#include "tests/agent/executor/support.h"

namespace bpa::executor {
namespace {

using Differences = std::vector<Difference>;

// A resource whose state is a list of differences that Converge empties.
class TinyResource : public Resource {
 public:
  TinyResource(v1::ResourceKind kind, std::string name, Differences differences)
      : kind_(kind), name_(std::move(name)), differences_(std::move(differences)) {}

  v1::ResourceKind kind() const override { return kind_; }
  std::string name() const override { return name_; }
  absl::StatusOr<Differences> Observe() override {
    ++observed;
    if (!observe_error.ok()) return observe_error;
    return differences_;
  }
  absl::Status Converge() override {
    ++converged;
    if (on_converge) on_converge();
    if (!converge_error.ok()) return converge_error;
    if (!deaf) differences_.clear();
    if (breaks_observing) observe_error = absl::InternalError("cannot look any more");
    return absl::OkStatus();
  }
  absl::Status Settle() override {
    ++settled;
    return settle_error;
  }
  void set_differences(Differences differences) { differences_ = std::move(differences); }

  int observed = 0;
  int converged = 0;
  int settled = 0;
  bool deaf = false;
  bool breaks_observing = false;
  absl::Status observe_error;
  absl::Status converge_error;
  absl::Status settle_error;
  std::function<void()> on_converge;

 private:
  const v1::ResourceKind kind_;
  const std::string name_;
  Differences differences_;
};

class Listener : public ConvergeListener {
 public:
  void OnProgress(const v1::Progress& progress) override {
    events.push_back(absl::StrCat(progress.position(), "/", progress.total(), " ", progress.name(),
                                  " ", static_cast<int>(progress.status())));
  }
  absl::Status BeforeChanges(const std::vector<UpcomingChange>& changes) override {
    std::string event = "before";
    for (const UpcomingChange& change : changes) {
      absl::StrAppend(&event, " ", change.position, " ", change.name);
    }
    events.push_back(event);
    return journal_error;
  }
  void AfterChange(int position, const v1::ResourceResult& result) override {
    events.push_back(absl::StrCat("after ", position, " ", static_cast<int>(result.status())));
  }
  bool Stopping() override { return stop_after-- == 0; }

  std::vector<std::string> events;
  absl::Status journal_error;
  int stop_after = -1;
};

class ConvergerTest : public testing::Test {
 protected:
  TinyResource& Add(v1::ResourceKind kind, const std::string& name, Differences differences,
                    const std::string& below = "") {
    auto resource = std::make_unique<TinyResource>(kind, name, std::move(differences));
    TinyResource& reference = *resource;
    resources_.push_back(
        {.resource = std::move(resource), .below_volume = below, .wanted = "mode 0777"});
    return reference;
  }
  TinyResource& AddVolume(Differences differences) {
    return Add(v1::RESOURCE_KIND_VOLUME, "/opt", std::move(differences));
  }
  TinyResource& AddDirectory(Differences differences) {
    return Add(v1::RESOURCE_KIND_DIRECTORY, "/opt/bpa", std::move(differences), "/opt");
  }
  TinyResource& AddSysctl(Differences differences) {
    return Add(v1::RESOURCE_KIND_SYSCTL, "vm.x", std::move(differences));
  }

  std::vector<v1::ResourceResult> Run(v1::Mode mode) {
    absl::StatusOr<std::vector<v1::ResourceResult>> results =
        Converger(resources_, mode, listener_).Run();
    EXPECT_THAT(results, IsOk());
    return results.ok() ? *results : std::vector<v1::ResourceResult>(resources_.size());
  }
  // The fingerprints of a PLAN, as an apply carries them.
  v1::ReviewedPlan Review() {
    v1::ReviewedPlan plan;
    plan.set_plan_id(TestId(7));
    for (const v1::ResourceResult& result : Run(v1::MODE_PLAN)) {
      for (const v1::Change& change : result.changes()) {
        plan.add_change_sha256(change.fingerprint_sha256());
      }
    }
    listener_.events.clear();
    return plan;
  }

  const Differences mount_ = {{"mount", "nothing", "UUID=1"}};
  const Differences mode_ = {{"mode", "0755", "0777"}, {"owner", "0", "1000"}};
  std::vector<PlannedResource> resources_;
  Listener listener_;
};

TEST_F(ConvergerTest, LeavesAloneWhatIsAsWanted) {
  TinyResource& resource = AddSysctl({});
  for (const v1::Mode mode : {v1::MODE_PLAN, v1::MODE_APPLY, v1::MODE_VERIFY}) {
    const auto results = Run(mode);
    EXPECT_EQ(results[0].status(), v1::RESOURCE_STATUS_UNCHANGED);
    EXPECT_EQ(results[0].changes_size(), 0);
  }
  EXPECT_EQ(resource.converged, 0);
  EXPECT_THAT(listener_.events, testing::Not(testing::Contains(testing::HasSubstr("before"))));
}

TEST_F(ConvergerTest, ShowsDifferencesInPlanAndVerifyAndTouchesNothing) {
  TinyResource& resource = AddSysctl(mode_);
  for (const v1::Mode mode : {v1::MODE_PLAN, v1::MODE_VERIFY}) {
    const auto results = Run(mode);
    EXPECT_EQ(results[0].status(), v1::RESOURCE_STATUS_WOULD_CHANGE);
    ASSERT_EQ(results[0].changes_size(), 2);
    EXPECT_EQ(results[0].changes(0).before(), "0755");
    EXPECT_EQ(results[0].changes(1).after(), "1000");
    EXPECT_EQ(results[0].changes(1).fingerprint_sha256().size(), 32u);
  }
  EXPECT_EQ(resource.converged, 0);
}

TEST_F(ConvergerTest, ChangesReadsBackAndReportsWhatItFirstSaw) {
  TinyResource& resource = AddSysctl(mode_);
  const auto results = Run(v1::MODE_APPLY);
  EXPECT_EQ(results[0].status(), v1::RESOURCE_STATUS_CHANGED);
  EXPECT_EQ(results[0].changes_size(), 2);
  EXPECT_EQ(resource.converged, 1);
  EXPECT_EQ(resource.observed, 2);
  EXPECT_THAT(listener_.events,
              testing::ElementsAre("before 1 vm.x", "1/1 vm.x 0", "after 1 2", "1/1 vm.x 2"));
}

TEST_F(ConvergerTest, FailsWhatDoesNotReadBack) {
  AddSysctl(mode_).deaf = true;
  const auto results = Run(v1::MODE_APPLY);
  EXPECT_EQ(results[0].status(), v1::RESOURCE_STATUS_FAILED);
  EXPECT_EQ(results[0].message(),
            "did not read back: mode is '0755' and not '0777'; owner is '0' and not '1000'");
}

TEST_F(ConvergerTest, FailsWhatCannotBeReadBack) {
  AddSysctl(mode_).breaks_observing = true;
  const auto results = Run(v1::MODE_APPLY);
  EXPECT_EQ(results[0].status(), v1::RESOURCE_STATUS_FAILED);
  EXPECT_EQ(results[0].message(), "changed, but could not be read back: cannot look any more");
}

TEST_F(ConvergerTest, GoesOnAfterAFailureThatIsNotAVolumes) {
  AddVolume({});
  AddDirectory(mode_).converge_error = absl::InternalError("read-only");
  TinyResource& sysctl = AddSysctl(mode_);
  const auto results = Run(v1::MODE_APPLY);
  EXPECT_EQ(results[1].status(), v1::RESOURCE_STATUS_FAILED);
  EXPECT_EQ(results[1].message(), "read-only");
  EXPECT_EQ(results[2].status(), v1::RESOURCE_STATUS_CHANGED);
  EXPECT_EQ(sysctl.converged, 1);
}

TEST_F(ConvergerTest, DoesNotTouchWhatIsBelowAFailedVolume) {
  for (const bool at_observing : {true, false}) {
    resources_.clear();
    TinyResource& volume = AddVolume(mount_);
    (at_observing ? volume.observe_error : volume.converge_error) =
        absl::FailedPreconditionError("no such volume");
    TinyResource& directory = AddDirectory(mode_);
    TinyResource& sysctl = AddSysctl(mode_);
    const auto results = Run(v1::MODE_APPLY);
    EXPECT_EQ(results[0].status(), v1::RESOURCE_STATUS_FAILED);
    EXPECT_EQ(results[1].status(), v1::RESOURCE_STATUS_SKIPPED);
    EXPECT_THAT(results[1].message(), testing::HasSubstr("the volume on /opt failed"));
    EXPECT_EQ(directory.observed, 0);
    EXPECT_EQ(directory.converged, 0);
    EXPECT_EQ(results[2].status(), v1::RESOURCE_STATUS_CHANGED);
    EXPECT_EQ(sysctl.converged, 1);
  }
}

TEST_F(ConvergerTest, PlansWhatIsBelowAMountToComeAsUnknown) {
  AddVolume(mount_);
  TinyResource& directory = AddDirectory({});
  const auto results = Run(v1::MODE_PLAN);
  EXPECT_EQ(results[1].status(), v1::RESOURCE_STATUS_WOULD_CHANGE);
  ASSERT_EQ(results[1].changes_size(), 1);
  EXPECT_EQ(results[1].changes(0).aspect(), "directory");
  EXPECT_EQ(results[1].changes(0).before(), "unknown until /opt is mounted");
  EXPECT_EQ(results[1].changes(0).after(), "mode 0777");
  EXPECT_EQ(directory.observed, 0);
}

TEST_F(ConvergerTest, VerifiesNothingBelowAMountThatIsMissing) {
  AddVolume(mount_);
  TinyResource& directory = AddDirectory({});
  const auto results = Run(v1::MODE_VERIFY);
  EXPECT_EQ(results[0].status(), v1::RESOURCE_STATUS_WOULD_CHANGE);
  EXPECT_EQ(results[1].status(), v1::RESOURCE_STATUS_SKIPPED);
  EXPECT_THAT(results[1].message(), testing::HasSubstr("/opt is not mounted"));
  EXPECT_EQ(directory.observed, 0);
}

TEST_F(ConvergerTest, LooksBelowAVolumeWhoseMountStays) {
  AddVolume({{"fstab", "none", "UUID=1 /opt"}});
  AddDirectory(mode_);
  const auto results = Run(v1::MODE_PLAN);
  ASSERT_EQ(results[1].changes_size(), 2);
  EXPECT_EQ(results[1].changes(0).before(), "0755");
}

TEST_F(ConvergerTest, DoesNotChangeWhatTheJournalCannotRecord) {
  TinyResource& resource = AddSysctl(mode_);
  listener_.journal_error = absl::ResourceExhaustedError("disk full");
  const auto results = Run(v1::MODE_APPLY);
  EXPECT_EQ(results[0].status(), v1::RESOURCE_STATUS_FAILED);
  EXPECT_THAT(results[0].message(), testing::HasSubstr("disk full"));
  EXPECT_EQ(resource.converged, 0);
}

TEST_F(ConvergerTest, StopsBetweenResources) {
  TinyResource& first = AddSysctl(mode_);
  TinyResource& second = AddSysctl(mode_);
  listener_.stop_after = 1;
  EXPECT_THAT(Converger(resources_, v1::MODE_APPLY, listener_).Run(),
              StatusIs(absl::StatusCode::kCancelled, "before resource 2 of 2"));
  EXPECT_EQ(first.converged, 1);
  EXPECT_EQ(second.observed, 0);
}

TEST_F(ConvergerTest, AnnouncesTheDirectoriesOfAVolumeTogetherBeforeTheFirstIsChanged) {
  AddVolume(mount_);
  AddDirectory(mode_);
  TinyResource& unchanged = AddDirectory({});
  AddDirectory(mode_);
  Add(v1::RESOURCE_KIND_DIRECTORY, "/srv/x", mode_);
  AddSysctl(mode_);
  Run(v1::MODE_APPLY);
  std::vector<std::string> announced;
  std::copy_if(listener_.events.begin(), listener_.events.end(), std::back_inserter(announced),
               [](const std::string& event) { return event.starts_with("before"); });
  EXPECT_THAT(announced, testing::ElementsAre("before 1 /opt", "before 2 /opt/bpa 4 /opt/bpa",
                                              "before 5 /srv/x", "before 6 vm.x"));
  EXPECT_EQ(unchanged.converged, 0);
}

TEST_F(ConvergerTest, ChangesNoDirectoryOfThoseThatTheJournalCannotRecord) {
  TinyResource& first = AddDirectory(mode_);
  TinyResource& second = AddDirectory(mode_);
  listener_.journal_error = absl::ResourceExhaustedError("disk full");
  for (const v1::ResourceResult& result : Run(v1::MODE_APPLY)) {
    EXPECT_EQ(result.status(), v1::RESOURCE_STATUS_FAILED);
    EXPECT_THAT(result.message(), testing::HasSubstr("disk full"));
  }
  EXPECT_EQ(first.converged + second.converged, 0);
}

TEST_F(ConvergerTest, StopsBetweenTheDirectoriesOfAVolume) {
  TinyResource& first = AddDirectory(mode_);
  TinyResource& second = AddDirectory(mode_);
  // Asked before each is looked at, and before the second is changed.
  listener_.stop_after = 2;
  EXPECT_THAT(Converger(resources_, v1::MODE_APPLY, listener_).Run(),
              StatusIs(absl::StatusCode::kCancelled, "before resource 2 of 2"));
  EXPECT_EQ(first.converged, 1);
  EXPECT_EQ(second.converged, 0);
}

TEST_F(ConvergerTest, FlushesAVolumeOnceForAllThatWasChangedOnIt) {
  AddVolume({});
  TinyResource& unchanged = AddDirectory({});
  TinyResource& first = AddDirectory(mode_);
  TinyResource& second = AddDirectory(mode_);
  TinyResource& elsewhere = Add(v1::RESOURCE_KIND_DIRECTORY, "/srv/x", mode_);
  second.on_converge = [&] { EXPECT_EQ(first.settled, 0); };
  Run(v1::MODE_APPLY);
  EXPECT_EQ(unchanged.settled, 0);
  EXPECT_EQ(first.settled + second.settled, 1);
  EXPECT_EQ(elsewhere.settled, 1);
}

TEST_F(ConvergerTest, FailsAllThatAFailedFlushStoodFor) {
  AddVolume({});
  AddDirectory(mode_).settle_error = absl::DataLossError("syncfs /opt: Input/output error");
  AddDirectory(mode_);
  AddSysctl(mode_);
  const auto results = Run(v1::MODE_APPLY);
  for (const size_t directory : {1, 2}) {
    EXPECT_EQ(results[directory].status(), v1::RESOURCE_STATUS_FAILED);
    EXPECT_EQ(results[directory].message(),
              "changed, but a power cut may undo it: syncfs /opt: Input/output error");
  }
  EXPECT_EQ(results[3].status(), v1::RESOURCE_STATUS_CHANGED);
}

TEST_F(ConvergerTest, FlushesWhatAnEarlierRunOfTheCommandMayHaveChanged) {
  TinyResource& directory = AddDirectory({});
  Converger converger(resources_, v1::MODE_APPLY, listener_);
  converger.Resume();
  ASSERT_THAT(converger.Run(), IsOk());
  EXPECT_EQ(directory.settled, 1);
}

TEST_F(ConvergerTest, CarriesOutAReviewedPlan) {
  AddVolume(mount_);
  TinyResource& directory = AddDirectory(mode_);
  AddSysctl(mode_);
  const v1::ReviewedPlan plan = Review();
  Converger converger(resources_, v1::MODE_APPLY, listener_);
  ASSERT_THAT(converger.CheckReviewed(plan), IsOk());
  const auto results = converger.Run();
  ASSERT_THAT(results, IsOk());
  for (const v1::ResourceResult& result : *results) {
    EXPECT_EQ(result.status(), v1::RESOURCE_STATUS_CHANGED) << result.ShortDebugString();
  }
  EXPECT_EQ(directory.converged, 1);
}

TEST_F(ConvergerTest, RefusesWhatTheReviewedPlanDidNotShow) {
  TinyResource& volume = AddVolume({});
  TinyResource& directory = AddDirectory(mode_);
  const v1::ReviewedPlan plan = Review();
  directory.set_differences({{"mode", "0700", "0777"}});
  EXPECT_THAT(Converger(resources_, v1::MODE_APPLY, listener_).CheckReviewed(plan),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       absl::StrCat("the machine has moved since plan ", TestId(7),
                                    ": directory /opt/bpa mode is now '0700'")));
  EXPECT_EQ(volume.converged + directory.converged, 0);
  // Fewer differences than reviewed are how an interrupted apply resumes.
  directory.set_differences({mode_[1]});
  EXPECT_THAT(Converger(resources_, v1::MODE_APPLY, listener_).CheckReviewed(plan), IsOk());
}

TEST_F(ConvergerTest, AnEmptyReviewedPlanAllowsNoChange) {
  AddSysctl(mode_);
  v1::ReviewedPlan plan;
  plan.set_plan_id(TestId(7));
  EXPECT_THAT(Converger(resources_, v1::MODE_APPLY, listener_).CheckReviewed(plan),
              StatusIs(absl::StatusCode::kFailedPrecondition, "plan again"));
}

TEST_F(ConvergerTest, UsesWhatTheReviewSawUntilItChangesSomething) {
  TinyResource& before = Add(v1::RESOURCE_KIND_SYSCTL, "vm.a", {});
  TinyResource& changed = Add(v1::RESOURCE_KIND_SYSCTL, "vm.b", mode_);
  TinyResource& after = Add(v1::RESOURCE_KIND_SYSCTL, "vm.c", {});
  const v1::ReviewedPlan plan = Review();
  before.observed = changed.observed = after.observed = 0;
  // What a change does to a later resource must be seen.
  changed.on_converge = [&] { after.set_differences(mode_); };
  Converger converger(resources_, v1::MODE_APPLY, listener_);
  ASSERT_THAT(converger.CheckReviewed(plan), IsOk());
  const auto results = converger.Run();
  ASSERT_THAT(results, IsOk());
  EXPECT_EQ(before.observed, 1);
  EXPECT_EQ(changed.observed, 2);  // review, read-back
  EXPECT_EQ(after.observed, 3);    // review, again after the change, read-back
  EXPECT_EQ((*results)[2].status(), v1::RESOURCE_STATUS_CHANGED);
}

}  // namespace
}  // namespace bpa::executor
