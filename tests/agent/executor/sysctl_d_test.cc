#include "agent/executor/sysctl_d.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace bpa::executor {
namespace {

using ::testing::ElementsAre;
using ::testing::StartsWith;

// "value (file:line)", "excluded (file:line)" or "not set".
std::string Winner(const std::vector<SysctlFile>& files, const std::string& name) {
  const std::optional<SysctlSetting> setting = WinningSetting(files, name);
  if (!setting) return "not set";
  return setting->value.value_or("excluded") + " (" + setting->file + ":" +
         std::to_string(setting->line) + ")";
}

TEST(SysctlDTest, EarlierDirectoriesMaskAndNamesOrder) {
  EXPECT_THAT(OrderSysctlFiles({{"/etc/sysctl.d", {"99-a.conf", "README", "10-x.conf"}},
                                {"/run/sysctl.d", {"50-m.conf"}},
                                {"/usr/lib/sysctl.d", {"10-x.conf", "99-z.conf", "x.conf~"}}}),
              ElementsAre("/etc/sysctl.d/10-x.conf", "/run/sysctl.d/50-m.conf",
                          "/etc/sysctl.d/99-a.conf", "/usr/lib/sysctl.d/99-z.conf"));
}

TEST(SysctlDTest, TheLastAssignmentWins) {
  EXPECT_EQ(Winner({{"a", "vm.max_map_count=1\n"}, {"b", "\nvm.max_map_count = 2\nother=1\n"}},
                   "vm.max_map_count"),
            "2 (b:2)");
}

TEST(SysctlDTest, ReadsEveryFormOfAnAssignment) {
  const char* forms[] = {
      "vm.max_map_count=7",     "vm.max_map_count = 7",    "  vm.max_map_count\t=\t7  ",
      "vm/max_map_count=7",     "-vm.max_map_count = 7",   "- vm.max_map_count = 7",
      "vm.max_map_count = 7\r", "/vm/max_map_count = 7",   "vm..max_map_count = 7",
      "vm.max_*_count = 7",     "vm.max_map_coun[st] = 7", "vm.max_map_coun? = 7",
  };
  for (const char* form : forms) {
    EXPECT_EQ(Winner({{"f", form}}, "vm.max_map_count"), "7 (f:1)") << form;
  }
}

TEST(SysctlDTest, PassesOverWhatIsNoAssignmentOfTheKey) {
  const char* forms[] = {
      "# vm.max_map_count=7",
      "; vm.max_map_count=7",
      "vm.max_map_count",
      "vm.max_map_count 7",
      "vm.max_map_counts=7",
      "xvm.max_map_count=7",
      "vm.*=7=8",
      "*=7",
      "=7",
      "",
      "vm.max_map_count.x=7",
  };
  for (const char* form : forms) {
    const std::string winner = Winner({{"f", form}}, "vm.max_map_count");
    EXPECT_TRUE(winner == "not set" || winner == "7=8 (f:1)") << form << ": " << winner;
  }
  EXPECT_EQ(Winner({{"f", "*=7"}}, "vm.max_map_count"), "not set") << "a star stays in one name";
}

TEST(SysctlDTest, KeysWithDotsInANameAreWrittenEitherWay) {
  EXPECT_EQ(
      Winner({{"f", "net/ipv4/conf/eth0.100/rp_filter=1"}}, "net.ipv4.conf.eth0/100.rp_filter"),
      "1 (f:1)");
}

TEST(SysctlDTest, AnExplicitKeyBeatsGlobsWhereverTheySort) {
  EXPECT_EQ(Winner({{"a", "net.ipv4.conf.all.x = 1\n"}, {"b", "net.ipv4.conf.*.x = 2\n"}},
                   "net.ipv4.conf.all.x"),
            "1 (a:1)");
}

TEST(SysctlDTest, AmongGlobsTheLastWins) {
  EXPECT_EQ(Winner({{"a", "net.ipv4.conf.*.x = 1\n"}, {"b", "net.ipv4.*.*.x = 2\n"}},
                   "net.ipv4.conf.all.x"),
            "2 (b:1)");
}

TEST(SysctlDTest, AnExclusionTakesBackAnAssignmentAndBarsGlobs) {
  EXPECT_EQ(Winner({{"a", "vm.x = 1\n"}, {"b", "-vm.x\n"}}, "vm.x"), "excluded (b:1)");
  EXPECT_EQ(Winner({{"a", "-vm.x\n"}, {"b", "vm.* = 1\n"}}, "vm.x"), "excluded (a:1)");
  EXPECT_EQ(Winner({{"a", "-vm.x\n"}, {"b", "vm.x = 1\n"}}, "vm.x"), "1 (b:1)");
}

TEST(SysctlDTest, AGlobWithoutValueTakesBackTheSameGlob) {
  EXPECT_EQ(Winner({{"a", "vm.* = 1\n"}, {"b", "-vm.*\n"}}, "vm.x"), "not set");
  EXPECT_EQ(Winner({{"a", "vm.?* = 1\n"}, {"b", "-vm.*\n"}}, "vm.x"), "1 (a:1)");
}

TEST(SysctlDTest, FoldsBlanks) {
  EXPECT_EQ(FoldBlanks("  4096 \t 87380\n6291456 \n"), "4096 87380 6291456");
  EXPECT_EQ(FoldBlanks(" \t"), "");
  EXPECT_EQ(Winner({{"f", "net.ipv4.tcp_rmem = 4096\t87380   6291456"}}, "net.ipv4.tcp_rmem"),
            "4096 87380 6291456 (f:1)");
}

TEST(SysctlDTest, SettingKeepsAllOtherLines) {
  const std::string before =
      "# mine\nvm.swappiness = 1\nvm/max_map_count=1\n\nvm.max_map_count=2\n# vm.max_map_count=3";
  const std::string after = SetInSysctlFile(before, "vm.max_map_count", "262144");
  EXPECT_EQ(after, "# mine\nvm.swappiness = 1\nvm.max_map_count = 262144\n\n# vm.max_map_count=3");
  EXPECT_EQ(SetInSysctlFile(after, "vm.max_map_count", "262144"), after);
}

TEST(SysctlDTest, SettingAppendsBehindAnUnfinishedLine) {
  EXPECT_EQ(SetInSysctlFile("vm.a = 1", "vm.b", "2"), "vm.a = 1\nvm.b = 2\n");
  EXPECT_EQ(SetInSysctlFile("-vm.b\n", "vm.b", "2"), "vm.b = 2\n");
}

TEST(SysctlDTest, ANewFileHasAHeading) {
  const std::string text = SetInSysctlFile("", "vm.a", "1");
  EXPECT_THAT(text, StartsWith("# "));
  EXPECT_EQ(Winner({{"f", text}}, "vm.a"), "1 (f:2)");
}

}  // namespace
}  // namespace bpa::executor
