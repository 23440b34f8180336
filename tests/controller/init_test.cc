#include "controller/init.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "controller/shipped_files.h"
#include "tests/controller/complete_home.h"
#include "tests/controller/run_bpactl.h"
#include "tests/controller/scratch.h"

namespace bpa::controller {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class InitTest : public testing::Test {
 protected:
  // Arguments of a first run with four nodes.
  std::vector<std::string> First() const {
    std::vector<std::string> arguments = {"--home",    home_,       "init",
                                          "--bundles", "--cluster", "bpa-prod"};
    arguments.insert(arguments.end(), std::begin(kFourNodes), std::end(kFourNodes));
    return arguments;
  }
  std::vector<std::string> Again() const { return {"--home", home_, "init", "--bundles"}; }
  std::string Agent(const std::string& node, const std::string& file) const {
    return absl::StrCat(home_, "/nodes/", node, "/agent/", file);
  }

  Scratch scratch_;
  std::string home_ = scratch_ / "home";
};

TEST_F(InitTest, MakesAWholeHomeWhateverTheUmask) {
  for (const mode_t mask : {0000, 0077}) {
    const mode_t before = umask(mask);
    const std::string home = absl::StrCat(home_, mask);
    home_ = home;
    const Ran ran = Bpactl(First());
    umask(before);
    EXPECT_EQ(ran.exit_code, kExitConverged) << ran.err;
    ExpectCompleteHome(home);
  }
}

TEST_F(InitTest, WritesAnAgentYamlForTheNodeWithTheShippedPolicy) {
  ASSERT_EQ(Bpactl(First()).exit_code, kExitConverged);
  const std::string yaml = ReadFile(Agent("node-2", "agent.yaml"));
  EXPECT_THAT(yaml, HasSubstr("cluster: bpa-prod\nnode: node-2\n"));
  EXPECT_THAT(yaml, HasSubstr("listen: 0.0.0.0:7000\n"));
  EXPECT_THAT(yaml, testing::EndsWith(std::string(ShippedPolicy())));
  EXPECT_THAT(ReadFile(Agent("node-3", "agent.yaml")), HasSubstr("listen: \"[::]:7443\"\n"));
}

TEST_F(InitTest, TheSecondTimeMakesNothingAndSaysSo) {
  ASSERT_EQ(Bpactl(First()).exit_code, kExitConverged);
  const auto before = Tree(home_);
  for (const auto& arguments : {First(), Again()}) {
    const Ran again = Bpactl(arguments);
    EXPECT_EQ(again.exit_code, kExitConverged) << again.err;
    EXPECT_EQ(again.out, home_ + " has all it needs; nothing was made.\n");
  }
  EXPECT_EQ(Tree(home_), before);
}

TEST_F(InitTest, MakesOnlyWhatIsMissing) {
  ASSERT_EQ(Bpactl(First()).exit_code, kExitConverged);
  auto before = Tree(home_);
  std::filesystem::remove_all(home_ + "/nodes/node-2");
  std::filesystem::remove(home_ + "/client.pem");
  auto arguments = Again();
  arguments.insert(arguments.end(), {"--output", "json"});
  const Ran again = Bpactl(arguments);
  ASSERT_EQ(again.exit_code, kExitConverged) << again.err;
  const auto document = nlohmann::json::parse(again.out);
  EXPECT_THAT(document["made"], ElementsAre(home_ + "/client.pem", home_ + "/nodes/node-2"));
  ExpectCompleteHome(home_);
  for (auto& [name, contents] : Tree(home_)) {
    if (name == "client.pem" || name.find("nodes/node-2") == 0) continue;
    EXPECT_EQ(contents, before[name]) << name;
  }
}

TEST_F(InitTest, KeysOfABundleMayLeaveTheBastion) {
  ASSERT_EQ(Bpactl(First()).exit_code, kExitConverged);
  std::filesystem::remove_all(home_ + "/nodes/node-1/agent");
  EXPECT_EQ(Bpactl(Again()).out, home_ + " has all it needs; nothing was made.\n");
  EXPECT_FALSE(std::filesystem::exists(home_ + "/nodes/node-1/agent"));
}

TEST_F(InitTest, ABundleWithoutItsPinnedKeyIsAnErrorNotANewKey) {
  ASSERT_EQ(Bpactl(First()).exit_code, kExitConverged);
  std::filesystem::remove(home_ + "/nodes/node-1/report.pem");
  const Ran again = Bpactl(Again());
  EXPECT_EQ(again.exit_code, kExitUsage);
  EXPECT_THAT(again.err,
              HasSubstr("nodes/node-1 has no report.pem: enrol the node; or put the file"));
}

TEST_F(InitTest, AddsANodeThatWasWrittenIntoClusterYaml) {
  ASSERT_EQ(Bpactl(First()).exit_code, kExitConverged);
  WriteFile(home_ + "/cluster.yaml",
            absl::StrReplaceAll(ReadFile(home_ + "/cluster.yaml"),
                                {{"nodes:\n",
                                  "nodes:\n  node-9: {address: 10.0.9.9, role: "
                                  "bpa-node-1, volumes: {/opt: vol-99999999}}\n"}}));
  const Ran again = Bpactl(Again());
  EXPECT_EQ(again.exit_code, kExitConverged) << again.err;
  EXPECT_THAT(again.out, HasSubstr("made " + home_ + "/nodes/node-9\n"));
}

TEST_F(InitTest, WithoutBundlesNoNodesKeyIsOnTheBastion) {
  std::vector<std::string> arguments = {"--home", home_, "init", "--cluster", "bpa-prod"};
  arguments.insert(arguments.end(), std::begin(kFourNodes), std::end(kFourNodes));
  const Ran ran = Bpactl(arguments);
  ASSERT_EQ(ran.exit_code, kExitConverged) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("bpactl user-data NODE"));
  EXPECT_FALSE(std::filesystem::exists(home_ + "/nodes"));
}

TEST_F(InitTest, WithoutNodesWritesAnExampleAndSaysWhatToComplete) {
  const Ran ran = Bpactl({"--home", home_, "init", "--cluster", "bpa-prod"});
  EXPECT_EQ(ran.exit_code, kExitConverged) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("Complete " + home_ + "/cluster.yaml"));
  EXPECT_THAT(ReadFile(home_ + "/cluster.yaml"), HasSubstr("# node-4: {address: "));
  // Nothing is made over an incomplete file, and the file stays as it is.
  const std::string before = ReadFile(home_ + "/cluster.yaml");
  EXPECT_EQ(Bpactl(Again()).exit_code, kExitUsage);
  EXPECT_EQ(ReadFile(home_ + "/cluster.yaml"), before);
}

TEST_F(InitTest, TheExampleIsGoodWhenItsCommentsAreRemoved) {
  ASSERT_EQ(Bpactl({"--home", home_, "init", "--cluster", "bpa-prod"}).exit_code, kExitConverged);
  WriteFile(home_ + "/cluster.yaml",
            absl::StrReplaceAll(ReadFile(home_ + "/cluster.yaml"), {{"  # node-", "  node-"}}));
  EXPECT_EQ(Bpactl(Again()).exit_code, kExitConverged);
  ExpectCompleteHome(home_);
}

TEST_F(InitTest, ALeftOutVolumeIsToBeFilledIn) {
  const Ran ran = Bpactl({"--home", home_, "init", "--cluster", "c", "node-1=10.0.1.11"});
  EXPECT_EQ(ran.exit_code, kExitConverged) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("no volume for '/opt', which role 'bpa-node-1' mounts"));
}

TEST_F(InitTest, UsesTheNamedKeyTypeAndPolicy) {
  WriteFile(scratch_ / "policy.yaml", "policy:\n  allow: [apply]\n  device_paths: [/dev/loop*]");
  auto arguments = First();
  arguments.insert(arguments.end(),
                   {"--signer-type", "ecdsa-p256", "--policy", scratch_ / "policy.yaml"});
  ASSERT_EQ(Bpactl(arguments).exit_code, kExitConverged);
  EXPECT_EQ(Shell("openssl pkey -noout -text -in " + home_ + "/signer.key | grep -q prime256v1"),
            0);
  EXPECT_THAT(ReadFile(Agent("node-1", "agent.yaml")),
              testing::EndsWith("policy:\n  allow: [apply]\n  device_paths: [/dev/loop*]\n"));
}

TEST_F(InitTest, RefusesBadArgumentsBeforeItMakesAnything) {
  WriteFile(scratch_ / "policy.yaml", "policy: {alow: []}\n");
  const char* form = "; the form is NODE=ADDRESS[,role=ROLE][,volume=VOLUME-ID-OR-DEVICE]\n";
  const std::string policy = scratch_ / "policy.yaml";
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{}, "cluster.yaml does not exist yet: name the cluster with --cluster\n"},
      {{"--cluster", "Prod"}, "--cluster: 'Prod' may only hold lower-case letters"},
      {{"--cluster", "c", "node-1"}, absl::StrCat("'node-1': the address is missing", form)},
      {{"--cluster", "c", "N=a"}, "'N=a': node name 'N' may only hold"},
      {{"--cluster", "c", "n=1.2.3"}, "address '1.2.3' is not an IPv4 address"},
      {{"--cluster", "c", "n=a,disk=x"}, "unknown option 'disk'"},
      {{"--cluster", "c", "n=a,volume=vol-1"}, "volume 'vol-1' is neither an EBS volume id"},
      {{"--cluster", "c", "n=a,volume=/sda"}, "volume '/sda' is not a device"},
      {{"--cluster", "c", "a=a", "b=b", "c=c", "d=d", "e=e"}, "name the role"},
      {{"--cluster", "c", "a=a,volume=vol-01234567", "b=b,volume=vol-01234567"},
       "'vol-01234567' is already the volume for '/opt' of node 'a'"},
      {{"--cluster", "c", "a=a,role=bpa-node-7,volume=vol-01234567"},
       "no role 'bpa-node-7' under 'roles'; did you mean"},
      {{"--cluster", "c", "--policy", policy}, "unknown key 'alow': did you mean 'allow'?"},
      {{"--cluster", "c", "--signer-type", "rsa"}, "--signer-type"},
  };
  for (const auto& [more, message] : cases) {
    auto arguments = Again();
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Ran ran = Bpactl(arguments);
    EXPECT_EQ(ran.exit_code, kExitUsage) << message;
    EXPECT_THAT(ran.err, HasSubstr(message));
    EXPECT_FALSE(std::filesystem::exists(home_)) << message;
  }
}

TEST_F(InitTest, RefusesWhatContradictsTheHome) {
  ASSERT_EQ(Bpactl(First()).exit_code, kExitConverged);
  const auto before = Tree(home_);
  EXPECT_THAT(Bpactl({"--home", home_, "init", "--cluster", "other"}).err,
              HasSubstr("is of cluster 'bpa-prod', not 'other'"));
  EXPECT_THAT(Bpactl({"--home", home_, "init", "node-9=10.0.9.9"}).err,
              HasSubstr("which is yours to edit: add it there"));
  EXPECT_EQ(Tree(home_), before);

  WriteFile(home_ + "/cluster.yaml",
            absl::StrReplaceAll(ReadFile(home_ + "/cluster.yaml"), {{"bpa-prod", "renamed"}}));
  EXPECT_THAT(Bpactl(Again()).err, HasSubstr("ca.pem is of cluster 'bpa-prod', not 'renamed'"));
}

TEST_F(InitTest, NeverMakesANewAuthorityKeyForAnOldCertificate) {
  ASSERT_EQ(Bpactl(First()).exit_code, kExitConverged);
  std::filesystem::remove(home_ + "/ca.key");
  EXPECT_THAT(Bpactl(Again()).err, HasSubstr("ca.key is missing while ca.pem is there"));
  EXPECT_FALSE(std::filesystem::exists(home_ + "/ca.key"));
}

TEST_F(InitTest, RefusesAHomeThatOthersMayWrite) {
  ASSERT_EQ(mkdir(home_.c_str(), 0700), 0);
  ASSERT_EQ(chmod(home_.c_str(), 0777), 0);
  const Ran ran = Bpactl(First());
  EXPECT_EQ(ran.exit_code, kExitUsage);
  EXPECT_THAT(ran.err, HasSubstr("others than its owner may write it (mode 0777): chmod go-w"));
  EXPECT_TRUE(Tree(home_).empty());
}

TEST_F(InitTest, TwoAtOnceDoNotMixTheirWork) {
  ASSERT_EQ(mkdir(home_.c_str(), 0700), 0);
  const int fd = open(home_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  ASSERT_EQ(flock(fd, LOCK_EX), 0);
  EXPECT_THAT(Bpactl(First()).err, HasSubstr("another `bpactl init` is at work"));
  EXPECT_TRUE(Tree(home_).empty());
  close(fd);
}

}  // namespace
}  // namespace bpa::controller
