#include "controller/home.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "tests/controller/scratch.h"

namespace bpa::controller {
namespace {

using testing::HasSubstr;

constexpr char kId[] = "01970000-0000-7000-8000-000000000000";

std::string Message(const absl::Status& status) { return std::string(status.message()); }

class HomeTest : public testing::Test {
 protected:
  HomeTest() : home_(scratch_ / "home") { mkdir((scratch_ / "home").c_str(), 0700); }

  Scratch scratch_;
  Home home_;
};

TEST(HomeLocateTest, PrefersTheFlagThenTheEnvironmentThenTheUsersHome) {
  setenv("BPA_HOME", "/from/environment", 1);
  setenv("HOME", "/home/alice", 1);
  EXPECT_EQ(Home::Locate("/from/flag").path(), "/from/flag");
  EXPECT_EQ(Home::Locate("").path(), "/from/environment");
  unsetenv("BPA_HOME");
  EXPECT_EQ(Home::Locate("").path(), "/home/alice/.bpa");
}

TEST_F(HomeTest, SaysWhatMakesWhatIsMissing) {
  const std::vector<std::pair<absl::Status, std::string>> missing = {
      {home_.ReadCluster().status(), "bpactl init"},
      {home_.ReadClientIdentity().status(), "bpactl init"},
      {home_.ReadSigningKey().status(), "bpactl init"},
      {home_.ReadReportKey("node-1").status(), "bpactl enroll"}};
  for (const auto& [status, verb] : missing) {
    EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
    EXPECT_THAT(Message(status), HasSubstr("does not exist"));
    EXPECT_THAT(Message(status), HasSubstr(verb));
    EXPECT_THAT(Message(status), HasSubstr(home_.path()));
  }
}

TEST_F(HomeTest, RefusesKeysThatOthersMayRead) {
  WriteFile(home_.path() + "/signer.key", PrivateKey::GenerateEd25519()->ToPem());
  EXPECT_TRUE(home_.ReadSigningKey().ok());
  chmod((home_.path() + "/signer.key").c_str(), 0644);
  const auto key = home_.ReadSigningKey();
  EXPECT_EQ(key.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(Message(key.status()), HasSubstr("signer.key"));
  EXPECT_THAT(Message(key.status()), HasSubstr("0644"));
}

TEST_F(HomeTest, RefusesAClusterThatOthersMayWrite) {
  WriteFile(home_.cluster_path(),
            "cluster: c\nnodes: {n: {address: a, role: r}}\nroles: {r: {}}\n");
  EXPECT_TRUE(home_.ReadCluster().ok()) << home_.ReadCluster().status();
  chmod(home_.cluster_path().c_str(), 0666);
  EXPECT_EQ(home_.ReadCluster().status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(HomeTest, NamesTheFileThatHoldsNoKey) {
  WriteFile(home_.path() + "/signer.key", "nonsense");
  const auto key = home_.ReadSigningKey();
  EXPECT_EQ(key.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Message(key.status()), HasSubstr(home_.path() + "/signer.key: "));
}

TEST_F(HomeTest, KeepsCommandsAndReportsAsTheyAre) {
  const std::string envelope("BPA\0bytes", 9);
  ASSERT_TRUE(home_.SaveCommand(kId, envelope).ok());
  ASSERT_TRUE(home_.SaveReport(kId, "node-1", envelope + "r").ok());
  const std::string directory = home_.path() + "/commands/" + kId;
  EXPECT_EQ(ReadFile(directory + "/command.dsse"), envelope);
  EXPECT_EQ(ReadFile(directory + "/node-1.report.dsse"), envelope + "r");
  EXPECT_EQ(ModeOf(directory), 0700u);
  EXPECT_EQ(ModeOf(directory + "/command.dsse"), 0600u);
  // A command sent again, a report fetched again.
  EXPECT_TRUE(home_.SaveCommand(kId, envelope).ok());
  EXPECT_TRUE(home_.SaveReport(kId, "node-1", envelope).ok());
}

TEST_F(HomeTest, TakesNoNameThatLeadsElsewhere) {
  for (const char* name : {"", ".", "..", "../x", "/etc/passwd", "a/b", ".hidden", "a\nb"}) {
    EXPECT_EQ(home_.SaveCommand(name, "x").code(), absl::StatusCode::kInvalidArgument) << name;
    EXPECT_EQ(home_.SaveReport(kId, name, "x").code(), absl::StatusCode::kInvalidArgument) << name;
    EXPECT_EQ(home_.ReadReportKey(name).status().code(), absl::StatusCode::kInvalidArgument);
  }
  EXPECT_TRUE(Tree(home_.path()).empty());
}

}  // namespace
}  // namespace bpa::controller
