// Everything that can break off in the middle: connections, the gateway, the executor. Sending the
// same command again must finish it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "tests/system/commands.h"
#include "tests/system/lab.h"

namespace bpa::system_test {
namespace {

using ::testing::HasSubstr;

class InterruptionTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { suite_lab() = std::make_unique<Lab>(1); }
  static void TearDownTestSuite() { suite_lab().reset(); }

  void SetUp() override { lab().Reset(1); }

  static const Lab& lab() { return *suite_lab(); }

  std::string ApplyCommand() const {
    return Encoded(Signed(lab(), MakeCommand(lab(), v1::MODE_APPLY)));
  }

  void ExpectFinished(const Answer& answer) const {
    ASSERT_TRUE(answer.status.ok()) << answer.status.error_message();
    EXPECT_EQ(answer.report.outcome(), v1::OUTCOME_SUCCEEDED) << answer.report.ShortDebugString();
    EXPECT_EQ(lab().Check(1), "");
  }

  // What must hold at any moment, whatever was killed. Empty if it does.
  std::string BrokenInvariant() const {
    const std::string foreign = lab().ForeignFstab(1);
    const std::string fstab = lab().ReadRootFile(1, "/etc/fstab");
    if (!absl::StartsWith(fstab, foreign)) return absl::StrCat("foreign lines changed:\n", fstab);
    const std::string ours = fstab.substr(foreign.size());
    const std::vector<std::string> fields =
        absl::StrSplit(ours, absl::ByAnyChar(" \n"), absl::SkipEmpty());
    const bool whole =
        ours.empty() || (fields.size() == 6 && ours.front() == '\n' && fields[1] == "/opt" &&
                         fields[5] == "0" && absl::StrContains(fields[3], "x-bpa.volume=vol-"));
    if (!whole) return absl::StrCat("our line is not whole: '", ours, "'");
    struct stat beneath;
    if (lstat(lab().RootPath(1, "/opt/bpa").c_str(), &beneath) == 0) {
      return "/opt/bpa lies on the root disk";
    }
    return "";
  }

 private:
  static std::unique_ptr<Lab>& suite_lab() {
    static std::unique_ptr<Lab> lab;
    return lab;
  }
};

TEST_F(InterruptionTest, AConnectionThatIsCutInTheHandshake) {
  // Nothing, half a TLS record, and something that is no TLS at all.
  for (const std::string bytes :
       {"", "\\x16\\x03\\x01\\x02\\x00\\x01", "GET / HTTP/1.1\\r\\n\\r\\n"}) {
    MustRun(absl::StrCat("exec 3<>/dev/tcp/10.89.7.11/7443 && printf '", bytes, "' >&3"));
  }
  ExpectFinished(Execute(lab(), ApplyCommand()));
}

TEST_F(InterruptionTest, AConnectionThatIsCutAfterEachProgressMessage) {
  for (int cut = 0; cut < 9; ++cut) {
    lab().Reset(1);
    const std::string command = ApplyCommand();
    Execute(lab(), command, [cut](int count) { return count < cut; });
    ExpectFinished(ExecuteUntilReported(lab(), command));
  }
}

TEST_F(InterruptionTest, AGatewayThatIsKilled) {
  for (int round = 0; round < 5; ++round) {
    lab().Reset(1);
    const std::string command = ApplyCommand();
    const Answer cut = Execute(lab(), command, [&](int count) {
      if (count == round) {
        EXPECT_TRUE(lab().KillProgram(1, "bpa-gateway"));
      }
      return true;
    });
    EXPECT_EQ(cut.status.error_code(), grpc::StatusCode::UNAVAILABLE);
    ExpectFinished(ExecuteUntilReported(lab(), command));
  }
}

TEST_F(InterruptionTest, AFinishedCommandAnswersWithItsReportAndDoesNotRunAgain) {
  const std::string command = ApplyCommand();
  const Answer first = Execute(lab(), command);
  ExpectFinished(first);
  lab().Enter(1, "rmdir /opt/bpa/data/kafka1");
  const Answer second = Execute(lab(), command);
  ASSERT_TRUE(second.status.ok());
  EXPECT_EQ(second.report.SerializeAsString(), first.report.SerializeAsString());
  lab().Enter(1, "test ! -e /opt/bpa/data/kafka1");
}

// BPA_KILL_ROUNDS says how many kills must hit a running executor; each comes at another random
// point. A kill that comes too early or too late proves nothing, and on a slow or a fast machine
// more of them do: such rounds are played again.
TEST_F(InterruptionTest, AnExecutorThatIsKilledAnywhere) {
  const char* wanted = getenv("BPA_KILL_ROUNDS");
  const int wanted_kills = wanted == nullptr ? 20 : atoi(wanted);
  std::mt19937 random(std::random_device{}());
  const absl::Time began = absl::Now();
  ExpectFinished(Execute(lab(), ApplyCommand()));
  const int usual_micros = static_cast<int>(absl::ToInt64Microseconds(absl::Now() - began));

  int killed_midway = 0;
  const int most_rounds = 10 * wanted_kills;
  for (int round = 0; killed_midway < wanted_kills && round < most_rounds && !HasFailure();
       ++round) {
    lab().Reset(1);
    const std::string command = ApplyCommand();
    std::atomic<bool> reported = false;
    Answer answer;
    std::thread sender([&] {
      answer = ExecuteUntilReported(lab(), command);
      reported = true;
    });
    // Up to three kills: the second and third meet the recovery.
    int kills = 1 + static_cast<int>(random() % 3);
    absl::Time next = absl::Now() + absl::Microseconds(random() % usual_micros);
    while (!reported) {
      if (const std::string broken = BrokenInvariant(); !broken.empty()) {
        ADD_FAILURE() << "round " << round << ": " << broken;
        break;
      }
      if (kills > 0 && absl::Now() >= next && !reported) {
        if (lab().KillProgram(1, "bpa-executor")) ++killed_midway;
        --kills;
        next = absl::Now() + absl::Microseconds(random() % usual_micros);
      }
    }
    sender.join();
    EXPECT_EQ(BrokenInvariant(), "") << "round " << round;
    ExpectFinished(answer);
  }
  EXPECT_GE(killed_midway, wanted_kills) << "of " << most_rounds << " rounds";
  RecordProperty("killed_midway", killed_midway);
}

TEST_F(InterruptionTest, CtrlCStopsSendingAndCollects) {
  // One node that waits for its volume: the interrupt comes while the command is under way.
  const std::string lab_script = BPA_SOURCE_DIR "/packaging/lab/lab.sh ";
  MustRun(absl::StrCat(lab_script, "detach 1 && cp ", lab().home().cluster_path(),
                       "{,.kept} && sed -i 's/grow: true}/grow: true, attach_timeout: 3s}/' ",
                       lab().home().cluster_path()));
  const std::string start = absl::StrCat(
      BPA_BUILD_DIR "/controller/bpactl apply --yes >", lab().home().path(), "/out 2>&1 & pid=$!; ",
      "until grep -q sent ", lab().home().path(), "/out; do sleep 0.01; done; kill -INT $pid; ");
  const ProgramResult once = RunScript(absl::StrCat("set -m; ", start, "wait $pid"));
  // The report was waited for: the volume did not come, so the node failed.
  EXPECT_EQ(once.exit_code, 3) << once.output;
  const ProgramResult twice =
      RunScript(absl::StrCat("set -m; ", start, "sleep 0.2; kill -INT $pid; wait $pid"));
  EXPECT_EQ(twice.exit_code, 130) << twice.output;
  MustRun(absl::StrCat("mv ", lab().home().cluster_path(), "{.kept,}; ", lab_script, "attach 1"));
}

}  // namespace
}  // namespace bpa::system_test
