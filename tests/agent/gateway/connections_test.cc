#include "agent/gateway/connections.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <vector>

namespace bpa::gateway {
namespace {

class ConnectionsTest : public testing::Test {
 protected:
  ~ConnectionsTest() override {
    for (const int fd : open_) close(fd);
  }

  // A connected socket; the number of its other end follows in others_.
  int Connected() {
    int pair[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    open_.insert(open_.end(), {pair[0], pair[1]});
    others_.push_back(pair[1]);
    return pair[0];
  }

  static bool IsShutDown(int other_end) {
    pollfd waited{.fd = other_end, .events = POLLRDHUP, .revents = 0};
    return poll(&waited, 1, 0) == 1;
  }

  void Close(int fd) {
    close(fd);
    std::erase(open_, fd);
  }

  std::vector<int> open_;
  std::vector<int> others_;
};

TEST_F(ConnectionsTest, ShutsDownTheOldestStrangerForANewOne) {
  Connections connections(2);
  EXPECT_TRUE(connections.Admit(Connected(), "a"));
  EXPECT_TRUE(connections.Admit(Connected(), "b"));
  EXPECT_TRUE(connections.Admit(Connected(), "c"));
  EXPECT_TRUE(IsShutDown(others_[0]));
  EXPECT_FALSE(IsShutDown(others_[1]));
  EXPECT_FALSE(IsShutDown(others_[2]));
  EXPECT_EQ(connections.Count(), 2U);
}

TEST_F(ConnectionsTest, NeverShutsDownWhoIsAuthorized) {
  Connections connections(2);
  EXPECT_TRUE(connections.Admit(Connected(), "a"));
  EXPECT_TRUE(connections.Admit(Connected(), "b"));
  connections.MarkAuthorized("a");
  EXPECT_TRUE(connections.Admit(Connected(), "c"));
  EXPECT_FALSE(IsShutDown(others_[0]));
  EXPECT_TRUE(IsShutDown(others_[1]));
  connections.MarkAuthorized("c");
  EXPECT_FALSE(connections.Admit(Connected(), "d"));
  EXPECT_FALSE(IsShutDown(others_[0]));
  EXPECT_FALSE(IsShutDown(others_[2]));
}

TEST_F(ConnectionsTest, GivesThePlaceOfAClosedConnectionToTheNext) {
  Connections connections(1);
  const int first = Connected();
  EXPECT_TRUE(connections.Admit(first, "a"));
  connections.MarkAuthorized("a");
  EXPECT_FALSE(connections.Admit(Connected(), "b"));
  Close(first);
  EXPECT_EQ(connections.Count(), 0U);
  EXPECT_TRUE(connections.Admit(Connected(), "c"));
}

TEST_F(ConnectionsTest, TellsASocketFromAnotherOneWithTheSameNumber) {
  Connections connections(1);
  const int first = Connected();
  EXPECT_TRUE(connections.Admit(first, "a"));
  const int other = Connected();
  ASSERT_EQ(dup2(other, first), first);
  // The number is another socket's now: nothing of its own to shut down.
  EXPECT_TRUE(connections.Admit(Connected(), "b"));
  EXPECT_FALSE(IsShutDown(others_[1]));
}

TEST_F(ConnectionsTest, BoundsAlsoThoseThatGrpcHasYetToClose) {
  Connections connections(2);
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(connections.Admit(Connected(), "flood"));
  EXPECT_FALSE(connections.Admit(Connected(), "flood"));
  EXPECT_EQ(connections.Count(), 2U);
}

TEST_F(ConnectionsTest, RefusesWhatIsNoSocket) {
  Connections connections(2);
  EXPECT_FALSE(connections.Admit(-1, "a"));
}

}  // namespace
}  // namespace bpa::gateway
