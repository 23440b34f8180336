#include "agent/executor/sysctl_files.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/fake_host.h"

namespace bpa::executor {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class SysctlFilesTest : public testing::Test {
 protected:
  std::vector<std::string> Read() {
    const absl::StatusOr<std::vector<SysctlFile>> files = ReadSysctlFiles(host_);
    EXPECT_TRUE(files.ok()) << files.status();
    std::vector<std::string> texts;
    if (!files.ok()) return texts;
    for (const SysctlFile& file : *files) texts.push_back(file.path + ": " + file.contents);
    return texts;
  }

  Faults faults_;
  FakeHost host_{faults_};
};

TEST_F(SysctlFilesTest, ReadsAllDirectoriesInTheOrderOfNames) {
  host_.AddFile("/usr/lib/sysctl.d/30-c.conf", "c");
  host_.AddFile("/usr/local/lib/sysctl.d/20-b.conf", "b");
  host_.AddFile("/run/sysctl.d/40-d.conf", "d");
  host_.AddFile("/etc/sysctl.d/10-a.conf", "a");
  EXPECT_THAT(Read(),
              ElementsAre("/etc/sysctl.d/10-a.conf: a", "/usr/local/lib/sysctl.d/20-b.conf: b",
                          "/usr/lib/sysctl.d/30-c.conf: c", "/run/sysctl.d/40-d.conf: d"));
}

TEST_F(SysctlFilesTest, AMachineWithoutAnyHasNone) { EXPECT_THAT(Read(), IsEmpty()); }

TEST_F(SysctlFilesTest, ALinkToNullMasksTheFileOfThatName) {
  host_.AddFile("/usr/lib/sysctl.d/50-x.conf", "vm.x=1");
  host_.AddLink("/etc/sysctl.d/50-x.conf", "/dev/null");
  EXPECT_THAT(Read(), IsEmpty());
}

TEST_F(SysctlFilesTest, FollowsTheLinkToSysctlConf) {
  host_.AddFile("/etc/sysctl.conf", "vm.x=1");
  host_.AddLink("/etc/sysctl.d/99-sysctl.conf", "../sysctl.conf");
  EXPECT_THAT(Read(), ElementsAre("/etc/sysctl.d/99-sysctl.conf: vm.x=1"));
}

TEST_F(SysctlFilesTest, ADanglingLinkSetsNothing) {
  host_.AddLink("/etc/sysctl.d/99-gone.conf", "/nowhere");
  EXPECT_THAT(Read(), IsEmpty());
}

TEST_F(SysctlFilesTest, RefusesALinkWhoseFileCannotBeTold) {
  host_.AddLink("/etc/sysctl.d/99-loop.conf", "99-loop.conf");
  const auto files = ReadSysctlFiles(host_);
  EXPECT_TRUE(absl::IsFailedPrecondition(files.status()));
  EXPECT_THAT(std::string(files.status().message()),
              HasSubstr("/etc/sysctl.d/99-loop.conf is a symbolic link to 99-loop.conf"));
}

TEST_F(SysctlFilesTest, ReadsASplitLibOnlyWhereItIsNoLink) {
  host_.AddFile("/usr/lib/sysctl.d/50-x.conf", "x");
  host_.AddLink("/lib", "usr/lib");
  EXPECT_THAT(Read(), ElementsAre("/usr/lib/sysctl.d/50-x.conf: x"));
  host_.Remove("/lib");
  host_.AddFile("/lib/sysctl.d/60-y.conf", "y");
  EXPECT_THAT(Read(), ElementsAre("/usr/lib/sysctl.d/50-x.conf: x", "/lib/sysctl.d/60-y.conf: y"));
}

TEST_F(SysctlFilesTest, SysctlConfIsOptional) {
  EXPECT_EQ(ReadSysctlConf(host_)->has_value(), false);
  host_.AddFile("/etc/sysctl.conf", "vm.x=1");
  EXPECT_EQ((*ReadSysctlConf(host_))->contents, "vm.x=1");
}

}  // namespace
}  // namespace bpa::executor
