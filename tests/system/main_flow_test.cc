// The main job, whole: four nodes, the real programs, what an administrator types.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "absl/strings/str_cat.h"
#include "controller/verb.h"
#include "tests/system/lab.h"

namespace bpa::system_test {
namespace {

using controller::kExitConverged;
using controller::kExitDifferences;
using controller::kExitFailed;
using controller::kExitRefused;
using controller::kExitUnreachable;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr int kHosts = 4;

class MainFlowTest : public ::testing::Test {
 protected:
  void SetUp() override { lab_ = std::make_unique<Lab>(kHosts); }

  void Expect(int exit_code, const std::string& arguments) {
    last_ = lab_->Bpactl(arguments);
    EXPECT_EQ(last_.exit_code, exit_code) << "bpactl " << arguments << "\n" << last_.output;
  }

  // The last apply is found, and what is kept of it proves itself.
  void ExpectHistory() {
    Expect(kExitConverged, "history --mode apply --limit 1 --output json");
    const nlohmann::json apply = nlohmann::json::parse(last_.output)["commands"][0];
    EXPECT_EQ(apply["reason"], "kafka2");
    EXPECT_EQ(apply["result"], "converged");
    Expect(kExitConverged, absl::StrCat("show ", apply["id"].get<std::string>()));
    EXPECT_THAT(last_.output, AllOf(HasSubstr("bastion: verified"), HasSubstr("0700 -> 0777"),
                                    Not(HasSubstr("NOT VERIFIED"))));
  }

  std::unique_ptr<Lab> lab_;
  ProgramResult last_;
};

TEST_F(MainFlowTest, PreparesFourNodesAndKnowsWhenTheyDrift) {
  std::string before[kHosts];
  for (int host = 1; host <= kHosts; ++host) before[host - 1] = lab_->Snapshot(host);
  Expect(kExitDifferences, "plan");
  for (int host = 1; host <= kHosts; ++host) {
    EXPECT_EQ(Difference(before[host - 1], lab_->Snapshot(host)), "")
        << "plan changed host " << host;
  }
  Expect(kExitConverged, "apply --yes");
  for (int host = 1; host <= kHosts; ++host) EXPECT_EQ(lab_->Check(host), "") << host;
  Expect(kExitConverged, "verify");

  for (int host = 1; host <= kHosts; ++host) before[host - 1] = lab_->Snapshot(host);
  Expect(kExitConverged, "apply --yes");
  EXPECT_THAT(last_.output, AllOf(HasSubstr("changed=0"), Not(HasSubstr("changed=1"))));
  for (int host = 1; host <= kHosts; ++host) {
    EXPECT_EQ(Difference(before[host - 1], lab_->Snapshot(host)), "")
        << "a second apply changed host " << host;
  }

  lab_->Enter(2, "chmod 0700 /opt/bpa/data/kafka2");
  Expect(kExitDifferences, "verify");
  EXPECT_THAT(last_.output, AllOf(HasSubstr("kafka2"), HasSubstr("0700")));
  Expect(kExitConverged, "apply --yes --reason kafka2");
  Expect(kExitConverged, "verify");
  ExpectHistory();
}

TEST_F(MainFlowTest, RefusesAPlanWhoseMachineHasMoved) {
  Expect(kExitConverged, "apply --yes");
  lab_->Enter(1, "chmod 0700 /opt/bpa/data/kafka1");
  const std::string plan = absl::StrCat(lab_->home().path(), "/plan");
  Expect(kExitDifferences, absl::StrCat("plan --out ", plan));
  lab_->Enter(1, "rmdir /opt/bpa/data/zookeeper1");
  const std::string moved = lab_->Snapshot(1);
  Expect(kExitRefused, absl::StrCat("apply --yes --plan ", plan));
  EXPECT_THAT(last_.output, HasSubstr("/opt/bpa/data/zookeeper1"));
  EXPECT_EQ(Difference(moved, lab_->Snapshot(1)), "");
  Expect(kExitDifferences, absl::StrCat("plan --out ", plan));
  Expect(kExitConverged, absl::StrCat("apply --yes --plan ", plan));
  EXPECT_EQ(lab_->Check(1), "");
}

TEST_F(MainFlowTest, EmptiesDataDirectoriesOnlyWhenToldTo) {
  Expect(kExitConverged, "apply --yes");
  for (int host = 1; host <= kHosts; ++host) {
    lab_->Enter(host, "mkdir -p /opt/bpa/data/old/deep && echo data >/opt/bpa/data/old/deep/file");
  }
  Expect(kExitConverged, "apply --yes");
  lab_->Enter(1, "test -e /opt/bpa/data/old/deep/file");

  Expect(kExitConverged, "apply --yes --reset --confirm-reset bpa-lab");
  for (int host = 1; host <= 3; ++host) EXPECT_EQ(lab_->Check(host), "") << host;
  // Node 4 keeps its data: the paper wipes it nowhere.
  lab_->Enter(4, "test -e /opt/bpa/data/old/deep/file");
  lab_->Enter(1, "test -x /opt/cni/bin/host-local");
}

TEST_F(MainFlowTest, RefusesToEmptyADirectoryThatIsInUse) {
  Expect(kExitConverged, "apply --yes");
  // `holding` appears once the log is open.
  lab_->Enter(1,
              "setsid bash -c 'exec 9>>/opt/bpa/data/kafka1/log; touch /run/holding; sleep 600' "
              ">/dev/null 2>&1 & until [[ -e /run/holding ]]; do sleep 0.01; done");
  Expect(kExitFailed, "apply --yes --reset --confirm-reset bpa-lab node-1");
  EXPECT_THAT(last_.output, HasSubstr("kafka1/log"));
  lab_->Enter(1, "test -e /opt/bpa/data/kafka1/log");
}

TEST_F(MainFlowTest, SaysWhichNodeIsDownAndPreparesTheOthers) {
  MustRun(absl::StrCat(BPA_SOURCE_DIR "/packaging/lab/lab.sh hold 3 gateway"));
  Expect(kExitUnreachable, "apply --yes --connect-timeout 1s --retries 0");
  EXPECT_THAT(last_.output, HasSubstr("node-3"));
  for (const int host : {1, 2, 4}) EXPECT_EQ(lab_->Check(host), "") << host;
  MustRun(absl::StrCat(BPA_SOURCE_DIR "/packaging/lab/lab.sh release 3 gateway"));
  Expect(kExitConverged, "apply --yes");
  EXPECT_EQ(lab_->Check(3), "");
}

TEST_F(MainFlowTest, WaitsForALateVolume) {
  const std::string lab = BPA_SOURCE_DIR "/packaging/lab/lab.sh ";
  MustRun(absl::StrCat(lab, "detach 1"));
  Expect(kExitFailed, "apply --yes node-1");
  EXPECT_THAT(last_.output, HasSubstr("vol-0b9a11e5c0ffee001"));
  EXPECT_EQ(RunScript(absl::StrCat("test -e ", lab_->RootPath(1, "/opt/bpa"))).exit_code, 1);

  MustRun(absl::StrCat("sed -i 's/grow: true}/grow: true, attach_timeout: 30s}/' ",
                       lab_->home().cluster_path()));
  // The volume comes while the executor waits: it has begun to look when its process runs.
  MustRun(absl::StrCat(lab, "hold 1 executor; ", lab, "release 1 executor; (until [[ -n $(", lab,
                       "pids 1 bpa-executor) ]]; do sleep 0.05; done; sleep 0.5; ", lab,
                       "attach 1) & ", BPA_BUILD_DIR, "/controller/bpactl apply --yes node-1; ",
                       "code=$?; wait; exit $code"));
  EXPECT_EQ(lab_->Check(1), "");
}

}  // namespace
}  // namespace bpa::system_test
