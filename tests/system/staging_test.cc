// Packages from end to end: what arrives, how little travels the second time, and what is left of a
// staging that was broken off.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "controller/verb.h"
#include "tests/system/lab.h"

namespace bpa::system_test {
namespace {

using controller::kExitConverged;
using controller::kExitDifferences;
using controller::kExitFailed;
using controller::kExitRefused;
using nlohmann::json;
using ::testing::HasSubstr;

constexpr int kHosts = 4;
constexpr size_t kMiB = size_t{1} << 20;
constexpr char kPackages[] = "/opt/bpa/packages";
// What we keep beside it.
constexpr char kOurs[] = "/opt/bpa/.bpa-packages";

// What a tree is, as text: modes, times, targets, names and content.
std::string Listing(const std::string& directory) {
  return absl::StrCat("cd ", directory,
                      " && find . ! -type f -printf '%y %m %T@ %l %p\\0' | sort -z && "
                      "find . -type f -printf '%y %m %T@ %s %p\\0' | sort -z && "
                      "find . -type f -print0 | sort -z | xargs -0r sha256sum -z");
}

std::string RandomBytes(size_t size) {
  static std::mt19937_64 random(1);
  std::string bytes;
  while (bytes.size() < size) {
    const uint64_t word = random();
    bytes.append(reinterpret_cast<const char*>(&word), sizeof word);
  }
  bytes.resize(size);
  return bytes;
}

class StagingTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    suite_lab() = std::make_unique<Lab>(kHosts);
    const ProgramResult applied = lab().Bpactl("apply --yes");
    ASSERT_EQ(applied.exit_code, kExitConverged) << applied.output;
  }
  static void TearDownTestSuite() { suite_lab().reset(); }

  void SetUp() override {
    for (int host = 1; host <= kHosts; ++host) {
      lab().Enter(host, absl::StrCat("rm -rf ", kPackages, " ", kOurs));
    }
    MustRun(absl::StrCat("rm -rf ", source_, " ", source_, ".other && mkdir -p ", source_));
  }
  void TearDown() override { MustRun(absl::StrCat("rm -rf ", source_, " ", source_, ".other")); }

  static const Lab& lab() { return *suite_lab(); }

  void Write(const std::string& name, const std::string& content) const {
    const std::filesystem::path path = source_ + "/" + name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << content;
  }

  // The nodes' part of the result; `arguments` as for `bpactl stage`.
  json Stage(const std::string& arguments, int exit_code = kExitConverged) const {
    const ProgramResult result = lab().Bpactl("--output json stage --yes " + arguments);
    EXPECT_EQ(result.exit_code, exit_code) << result.output;
    const json document = json::parse(result.output, nullptr, /*allow_exceptions=*/false);
    EXPECT_FALSE(document.is_discarded()) << result.output;
    return document.is_discarded() ? json() : document["nodes"];
  }
  static uint64_t Received(const json& node) {
    return node.at("packages").at(0).at("received_bytes").get<uint64_t>();
  }

  std::string Source() const { return MustRun(Listing(source_)); }
  std::string Published(int host) const { return lab().Enter(host, Listing(kPackages)); }

  // Waits until host 1 has received so much.
  void AwaitReceived(size_t bytes) const {
    const std::string kib =
        absl::StrCat("du -sk --exclude=index.db* ", kOurs, " 2>/dev/null | cut -f1");
    const absl::Time patience = absl::Now() + absl::Seconds(30);
    while (absl::Now() < patience) {
      const std::string said = lab().Enter(1, kib);
      if (!said.empty() && std::stoull(said) * 1024 >= bytes) return;
      absl::SleepFor(absl::Milliseconds(20));
    }
    ADD_FAILURE() << "nothing arrives";
  }

  const std::string source_ = BPA_BUILD_DIR "/system-lab.source";

 private:
  static std::unique_ptr<Lab>& suite_lab() {
    static std::unique_ptr<Lab> lab;
    return lab;
  }
};

TEST_F(StagingTest, PublishesATreeOnFourNodesExactlyAsItIs) {
  Write("images/large.tar", RandomBytes(5 * kMiB));
  Write("conf/empty", "");
  Write("conf/two\nlines and \xff\xfe bytes", "content");
  Write(std::string(255, 'n'), "a long name");
  MustRun(
      absl::StrCat("cd ", source_,
                   " && mkdir -p nothing && ln -s /etc/passwd absolute && ln -s ../../out up && "
                   "ln conf/empty hard && truncate -s 256M sparse && chmod 0751 conf && "
                   "chmod 0600 images/large.tar && touch -d @1234567890.123456789 images"));
  for (const json& node : Stage(source_)) {
    EXPECT_EQ(node["report"]["counts"]["changed"], 1) << node;
    EXPECT_LT(Received(node), 6 * kMiB);
  }
  const std::string source = Source();
  for (int host = 1; host <= kHosts; ++host) {
    EXPECT_EQ(Difference(source, Published(host)), "") << "host " << host;
    EXPECT_EQ(
        lab().Enter(host, absl::StrCat("test $(du -sk ", kPackages, "/sparse | cut -f1) -le 64")),
        "");
  }
  for (const json& node : Stage(source_)) {
    EXPECT_EQ(node["report"]["counts"]["changed"], 0) << node;
    EXPECT_EQ(Received(node), 0u);
  }
}

TEST_F(StagingTest, SendsLittleWhenLittleHasChanged) {
  for (const char* name : {"a", "b", "c", "d"}) Write(name, RandomBytes(10 * kMiB));
  Stage(source_);
  const std::string a = MustRun(absl::StrCat("head -c 5000000 ", source_, "/a"));
  const std::string rest = MustRun(absl::StrCat("tail -c +5000001 ", source_, "/a"));
  Write("a", absl::StrCat(a, RandomBytes(400'000), rest));
  std::filesystem::rename(source_ + "/b", source_ + "/renamed");
  for (const json& node : Stage(source_)) {
    EXPECT_GT(Received(node), 400'000u);
    EXPECT_LT(Received(node), 1'200'000u);
  }
  const std::string source = Source();
  for (int host = 1; host <= kHosts; ++host) {
    EXPECT_EQ(Difference(source, Published(host)), "") << "host " << host;
  }
}

// --- Broken off: what was published stays, and what was received is not sent again.

class BrokenOffTest : public StagingTest {
 protected:
  // Something is published, and a tree of 24 MiB is on its way to host 1, a third of it there.
  void BeginStaging() {
    Write("old", "old");
    Stage(source_ + " node-1");
    old_ = Published(1);
    Write("large", RandomBytes(24 * kMiB));
    staging_ = std::thread([this] { nodes_ = Stage(source_ + " node-1 --limit-rate 6M"); });
    AwaitReceived(8 * kMiB);
    EXPECT_EQ(Difference(old_, Published(1)), "");
  }
  // As BeginStaging, by a bpactl that KillBpactl ends.
  void BeginToBeKilled() {
    Write("old", "old");
    Stage(source_ + " node-1");
    old_ = Published(1);
    Write("large", RandomBytes(24 * kMiB));
    std::filesystem::remove(pid_file_);
    staging_ = std::thread([this] {
      RunScript(absl::StrCat("echo $$ >", pid_file_, " && exec ", BPA_BUILD_DIR,
                             "/controller/bpactl stage --yes ", source_,
                             " node-1 --limit-rate 5M"));
    });
    AwaitReceived(8 * kMiB);
  }
  void KillBpactl() {
    MustRun(absl::StrCat("kill -KILL $(cat ", pid_file_, ")"));
    staging_.join();
    std::filesystem::remove(pid_file_);
  }
  // It finishes, and in the end only this much was asked for by whoever asked last.
  void ExpectFinished(size_t received_at_most) {
    if (staging_.joinable()) staging_.join();
    ASSERT_EQ(nodes_.size(), 1u);
    EXPECT_LT(Received(nodes_[0]), received_at_most);
    EXPECT_EQ(Difference(Source(), Published(1)), "");
  }

  const std::string pid_file_ = BPA_BUILD_DIR "/system-lab.bpactl-pid";
  std::string old_;
  std::thread staging_;
  json nodes_;
};

TEST_F(BrokenOffTest, ByAnExecutorThatIsKilled) {
  BeginStaging();
  EXPECT_TRUE(lab().KillProgram(1, "bpa-executor"));
  EXPECT_EQ(Difference(old_, Published(1)), "");
  ExpectFinished(18 * kMiB);
}

TEST_F(BrokenOffTest, ByAGatewayThatIsKilled) {
  BeginStaging();
  EXPECT_TRUE(lab().KillProgram(1, "bpa-gateway"));
  EXPECT_EQ(Difference(old_, Published(1)), "");
  ExpectFinished(18 * kMiB);
}

TEST_F(BrokenOffTest, ByAConnectionThatIsCut) {
  BeginStaging();
  // Resets what is under way; later connections live.
  lab().Enter(1, "ss -K sport = 7443 >/dev/null");
  EXPECT_EQ(Difference(old_, Published(1)), "");
  ExpectFinished(18 * kMiB);
}

TEST_F(BrokenOffTest, ByABpactlThatIsKilled) {
  BeginToBeKilled();
  KillBpactl();
  EXPECT_EQ(Difference(old_, Published(1)), "");
  nodes_ = Stage(source_ + " node-1");
  ExpectFinished(18 * kMiB);
}

// What a reboot of node and bastion at once leaves.
TEST_F(BrokenOffTest, ByTheKillingOfAllThreePrograms) {
  BeginToBeKilled();
  EXPECT_TRUE(lab().KillProgram(1, "bpa-executor"));
  EXPECT_TRUE(lab().KillProgram(1, "bpa-gateway"));
  KillBpactl();
  EXPECT_EQ(Difference(old_, Published(1)), "");
  nodes_ = Stage(source_ + " node-1");
  ExpectFinished(18 * kMiB);
}

TEST_F(StagingTest, OneOfTwoStagingsAtOnceIsRefusedAndTheOtherFinishes) {
  Write("large", RandomBytes(12 * kMiB));
  std::thread first([&] { Stage(source_ + " node-1 --limit-rate 4M"); });
  AwaitReceived(2 * kMiB);
  const std::string other = source_ + ".other";
  MustRun(absl::StrCat("mkdir ", other, " && echo other >", other, "/file"));
  EXPECT_THAT(Stage(other + " node-1", kExitRefused)[0]["message"].get<std::string>(),
              HasSubstr("busy with"));
  first.join();
  EXPECT_EQ(Difference(Source(), Published(1)), "");
  Stage(other + " node-1");
  EXPECT_EQ(lab().Enter(1, absl::StrCat("cat ", kPackages, "/*")), "other\n");
}

TEST_F(StagingTest, VerifyNamesAChangedAMissingAndAnExtraFile) {
  for (const char* name : {"changed", "missing", "kept"}) Write(name, RandomBytes(1000));
  const std::string cluster = lab().home().cluster_path();
  MustRun(absl::StrCat("cp ", cluster, " ", cluster, ".before && printf 'packages:\\n  - {source: ",
                       source_, "}\\n' >>", cluster));
  EXPECT_EQ(lab().Bpactl("apply --yes node-1").exit_code, kExitConverged);
  EXPECT_EQ(lab().Bpactl("verify node-1").exit_code, kExitConverged);
  // Of the same size and time: only reading it tells.
  lab().Enter(1,
              absl::StrCat("cd ", kPackages,
                           " && touch -r changed ../time && printf x | dd of=changed bs=1 seek=500 "
                           "conv=notrunc status=none && touch -r ../time changed && rm -f "
                           "missing ../time && echo extra >'ex tra'"));
  const ProgramResult verified = lab().Bpactl("verify node-1");
  EXPECT_EQ(verified.exit_code, kExitDifferences) << verified.output;
  for (const char* name : {"changed", "missing", "ex tra"}) {
    EXPECT_THAT(verified.output, HasSubstr(name));
  }
  EXPECT_THAT(verified.output, ::testing::Not(HasSubstr("kept")));
  EXPECT_EQ(lab().Bpactl("apply --yes node-1").exit_code, kExitConverged);
  EXPECT_EQ(Difference(Source(), Published(1)), "");
  MustRun(absl::StrCat("mv ", cluster, ".before ", cluster));
}

TEST_F(StagingTest, RollbackExchangesTheTreeForTheOneThatWasKept) {
  Write("version", "1");
  Stage(source_ + " node-1");
  const std::string first = Source();
  Write("version", "2");
  Stage(source_ + " node-1 --keep-previous");
  const std::string second = Source();
  Stage("--rollback node-1");
  EXPECT_EQ(Difference(first, Published(1)), "");
  Stage("--rollback node-1");
  EXPECT_EQ(Difference(second, Published(1)), "");
}

TEST_F(StagingTest, RefusesADestinationThatTheNodesPolicyDoesNotName) {
  Write("file", "content");
  const json nodes = Stage(source_ + " node-1 --to /opt/cni/bin", kExitRefused);
  EXPECT_THAT(nodes[0]["message"].get<std::string>(), HasSubstr("package_roots"));
  lab().Enter(1, "test -x /opt/cni/bin/host-local");
}

TEST_F(StagingTest, NamesWhatCannotBeInAPackage) {
  Write("file", "content");
  MustRun(absl::StrCat("mkfifo ", source_, "/pipe"));
  const ProgramResult result = lab().Bpactl("stage --yes " + source_);
  EXPECT_EQ(result.exit_code, 1) << result.output;
  EXPECT_THAT(result.output, HasSubstr("pipe"));
  EXPECT_EQ(RunScript(absl::StrCat("test -e ", lab().RootPath(1, kPackages))).exit_code, 1);
}

}  // namespace
}  // namespace bpa::system_test
