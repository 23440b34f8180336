#include "controller/expiry_hint.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/time/clock.h"
#include "controller/home_maker.h"
#include "tests/controller/scratch.h"

namespace bpa::controller {
namespace {

TEST(ExpiryHintTest, RemindsInTheLastMonthAndAfter) {
  Scratch scratch;
  const Home home(scratch / "home");
  HomeOptions options{.cluster = "c", .bundles = true, .policy = "policy: {}\n"};
  options.nodes.push_back(*ParseNodeArgument("node-1=10.0.1.11,volume=vol-01234567", 1));
  const absl::Time now = absl::Now();
  ASSERT_TRUE(MakeHome(home, options, now, [](const std::string&) {}).ok());
  const std::vector<Node> nodes = home.ReadCluster()->nodes;
  const absl::Time own_until = home.ReadClientIdentity()->certificate_until;
  const auto after = [&](int days) {
    return ExpiryHints(home, own_until, nodes, now + absl::Hours(24) * days - absl::Hours(1));
  };
  EXPECT_EQ(after(0), "");
  EXPECT_EQ(after(335), "");
  EXPECT_EQ(after(364),
            "bpactl's own certificate ends in 1 day: `bpactl renew`\n"
            "node-1: its certificate ends in 1 day: `bpactl renew node-1`\n");
  EXPECT_EQ(after(367),
            "bpactl's own certificate has expired: `bpactl renew`\n"
            "node-1: its certificate has expired: `bpactl renew node-1`\n");
}

}  // namespace
}  // namespace bpa::controller
