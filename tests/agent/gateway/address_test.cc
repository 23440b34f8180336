#include "agent/gateway/address.h"

#include <gtest/gtest.h>

namespace bpa::gateway {
namespace {

TEST(AddressTest, TakesNumbersOfBothFamilies) {
  for (const auto& [text, uri] : {std::pair{"0.0.0.0:7443", "ipv4:0.0.0.0:7443"},
                                  {"10.1.2.3:0", "ipv4:10.1.2.3:0"},
                                  {"[::]:65535", "ipv6:%5B::%5D:65535"},
                                  {"[fd00::7]:1", "ipv6:%5Bfd00::7%5D:1"},
                                  {"[::ffff:10.0.0.1]:5", "ipv4:10.0.0.1:5"}}) {
    const auto address = ParseSocketAddress(text);
    ASSERT_TRUE(address.ok()) << address.status();
    EXPECT_EQ(PeerUri(*address), uri);
  }
}

TEST(AddressTest, RefusesAllElse) {
  for (const char* text : {"",
                           ":",
                           ":7443",
                           "7443",
                           "localhost:7443",
                           "10.0.0.1",
                           "10.0.0.1:",
                           "10.0.0.1:65536",
                           "10.0.0.1:-1",
                           "10.0.0.1:+1",
                           "10.0.0.1: 1",
                           "10.0.0:1",
                           "::1:7443",
                           "[::1]",
                           "[::1:7443",
                           "[10.0.0.1]:1",
                           "[]:1",
                           "[::g]:1",
                           "10.0.0.1:7443x",
                           "10.0.0.1:000007443"}) {
    EXPECT_FALSE(ParseSocketAddress(text).ok()) << text;
  }
}

}  // namespace
}  // namespace bpa::gateway
