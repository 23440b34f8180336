#include "agent/executor/peer_check.h"

#include <sys/socket.h>
#include <unistd.h>

#include "gtest/gtest.h"
#include "tests/agent/executor/support.h"

namespace bpa::executor {
namespace {

TEST(PeerCheckTest, AcceptsOnlyTheGatewaysUidAndNotRootBeside) {
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  EXPECT_THAT(CheckPeer(ends[0], geteuid()), IsOk());
  EXPECT_THAT(CheckPeer(ends[0], geteuid() + 1),
              StatusIs(absl::StatusCode::kPermissionDenied, "may not talk to the executor"));
  close(ends[0]);
  close(ends[1]);
}

TEST(PeerCheckTest, RefusesWhatIsNoSocket) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  EXPECT_FALSE(CheckPeer(ends[0], geteuid()).ok());
  close(ends[0]);
  close(ends[1]);
}

TEST(PeerCheckTest, ResolvesNamesAndNumbers) {
  EXPECT_EQ(ResolveGatewayUser("root").value_or(99), 0u);
  EXPECT_EQ(ResolveGatewayUser("4321").value_or(99), 4321u);
  EXPECT_THAT(ResolveGatewayUser("no-such-user-here"),
              StatusIs(absl::StatusCode::kNotFound, "there is no user 'no-such-user-here'"));
}

}  // namespace
}  // namespace bpa::executor
