// A host that begins with nothing but what user-data brings: enrolled, prepared, verified, renewed;
// the real programs, and nothing restarted.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "controller/verb.h"
#include "tests/system/lab.h"

namespace bpa::system_test {
namespace {

using ::testing::HasSubstr;

constexpr char kLab[] = BPA_SOURCE_DIR "/packaging/lab/lab.sh ";

TEST(EnrolledHostTest, AHostThatUserDataConfiguredIsEnrolledAndPrepared) {
  const Lab lab(1);
  const std::string home = lab.home().path() + "/of-its-own";
  const auto bpactl = [&](const std::string& arguments) {
    return lab.Bpactl(absl::StrCat("--home ", home, " ", arguments));
  };
  // What the lab has configured is taken away, keys and all.
  MustRun(absl::StrCat(kLab, "hold 1 gateway; ", kLab, "hold 1 executor; rm -rf ",
                       lab.RootPath(1, "/etc/bpa-agent"), "; ", kLab, "release 1 gateway; ", kLab,
                       "release 1 executor"));
  ASSERT_EQ(bpactl(absl::StrCat("init --cluster bpa-lab node-1=", lab.node(1).address,
                                ",volume=vol-0b9a11e5c0ffee001"))
                .exit_code,
            0);
  // The host's init does what systemd would.
  MustRun(absl::StrCat(BPA_BUILD_DIR "/controller/bpactl --home ", home,
                       " user-data node-1 --script >", lab.RootPath(1, "/root/user-data.sh")));
  EXPECT_THAT(lab.Enter(1,
                        "mkdir /root/bin && ln -s /bin/true /root/bin/systemctl && "
                        "PATH=/root/bin:$PATH bash /root/user-data.sh"),
              HasSubstr("installed; on the bastion: bpactl enroll node-1"));

  const ProgramResult enrolled = bpactl("enroll --wait 30s");
  ASSERT_EQ(enrolled.exit_code, 0) << enrolled.output;
  EXPECT_THAT(enrolled.output, HasSubstr("node-1  enrolled\n"));
  const pid_t gateway = lab.FindProgram(1, "bpa-gateway");
  EXPECT_EQ(lab.Enter(1, "ls /etc/bpa-agent/join.secret 2>&1 || true"),
            "ls: cannot access '/etc/bpa-agent/join.secret': No such file or directory\n");
  EXPECT_EQ(
      lab.Enter(1, "stat -c '%a %U:%G' /etc/bpa-agent/tls/node.key /etc/bpa-agent/report.key"),
      "640 root:bpa-agent\n600 root:root\n");

  const ProgramResult applied = bpactl("apply --yes");
  EXPECT_EQ(applied.exit_code, 0) << applied.output;
  EXPECT_EQ(lab.Check(1), "");
  const ProgramResult renewed = bpactl("renew");
  EXPECT_EQ(renewed.exit_code, 0) << renewed.output;
  EXPECT_EQ(bpactl("verify").exit_code, 0);
  EXPECT_EQ(lab.FindProgram(1, "bpa-gateway"), gateway);
}

}  // namespace
}  // namespace bpa::system_test
