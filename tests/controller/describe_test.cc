// DescribeNodes against real TLS servers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "controller/fleet.h"
#include "tests/controller/fake_node.h"

namespace bpa::controller {
namespace {

using testing::SizeIs;

TEST(DescribeNodesTest, DescribesEveryNodeAndMeasuresItsClock) {
  FakeFleet fleet(2);
  std::vector<Node> nodes = fleet.nodes();
  nodes[1].address = "127.0.0.1:1";
  const std::vector<DescribeResult> results =
      DescribeNodes(nodes, *fleet.home().ReadClientIdentity(), FleetOptions());
  ASSERT_THAT(results, SizeIs(2));
  EXPECT_TRUE(results[0].status.ok()) << results[0].status;
  EXPECT_EQ(results[0].description.kernel_release(), "6.1.0");
  EXPECT_LT(absl::AbsDuration(results[0].clock_offset), absl::Seconds(2));
  EXPECT_FALSE(results[1].status.ok());
  EXPECT_EQ(results[1].node, "node-2");
}

}  // namespace
}  // namespace bpa::controller
