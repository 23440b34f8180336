#include "controller/identity_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

namespace bpa::controller {
namespace {

using testing::HasSubstr;

TEST(ClockRemarkTest, SaysWhoIsBehindAndByHowMuch) {
  EXPECT_EQ(ClockRemark(absl::Minutes(2)), "");
  EXPECT_EQ(ClockRemark(-absl::Minutes(2)), "");
  EXPECT_EQ(ClockRemark(-absl::Minutes(5)), "5 min behind this machine's");
  EXPECT_EQ(ClockRemark(absl::Minutes(119)), "119 min ahead of this machine's");
  EXPECT_EQ(ClockRemark(-absl::Hours(3)), "3 h behind this machine's");
  EXPECT_EQ(ClockRemark(absl::Hours(24 * 400)), "400 days ahead of this machine's");
}

TEST(IdentityReportTest, TellsTheWorstByItsExitCodeAndWhatToDoAboutClocks) {
  std::istringstream in;
  std::ostringstream out, err;
  const GlobalOptions global(in, out, err);
  const IdentityLine good{.node = "node-1",
                          .status = absl::OkStatus(),
                          .done = "enrolled",
                          .clock_offset = -absl::Hours(3)};
  const IdentityLine gone{
      .node = "n2", .status = absl::UnavailableError("no answer"), .done = "", .clock_offset = {}};
  const IdentityLine refused{
      .node = "n3", .status = absl::UnauthenticatedError("no"), .done = "", .clock_offset = {}};
  EXPECT_EQ(ReportIdentities(global, {good}), kExitConverged);
  EXPECT_EQ(out.str(),
            "node-1  enrolled\n"
            "        its clock is 3 h behind this machine's: commands will be refused until it is "
            "set (check NTP on both)\n");
  EXPECT_EQ(ReportIdentities(global, {good, gone}), kExitUnreachable);
  EXPECT_EQ(ReportIdentities(global, {refused, gone, good}), kExitRefused);
  EXPECT_THAT(out.str(), HasSubstr("n3      refused: no\nn2      unreachable: no answer\n"));
}

}  // namespace
}  // namespace bpa::controller
