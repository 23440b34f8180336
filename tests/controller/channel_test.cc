#include "controller/channel.h"

#include <gtest/gtest.h>

namespace bpa::controller {
namespace {

TEST(ChannelTest, NumericAddressesNeedNoResolver) {
  const std::pair<const char*, const char*> kTable[] = {
      {"10.0.1.11:7000", "ipv4:10.0.1.11:7000"},
      {"10.0.1.11", "ipv4:10.0.1.11:7443"},
      {"[fd00::1]:7000", "ipv6:[fd00::1]:7000"},
      {"[fd00::1]", "ipv6:[fd00::1]:7443"},
      {"fd00::1", "ipv6:[fd00::1]:7443"},
      {"node-1.example:7000", "dns:///node-1.example:7000"},
      {"node-1.example", "dns:///node-1.example:7443"},
      {"10.0.1.300:7000", "dns:///10.0.1.300:7000"}};
  for (const auto& [address, target] : kTable) EXPECT_EQ(ChannelTarget(address), target);
}

}  // namespace
}  // namespace bpa::controller
