// Who gets in, over real TLS.
#include "agent/gateway/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/agent/gateway/running_server.h"

namespace bpa::gateway {
namespace {

using testing::HasSubstr;

class ServerTest : public ServerFixture {
 protected:
  grpc::Status DescribeAs(const Subject& subject) const {
    const Pem client = Issue(subject, &authority_);
    return Describe(Dial(&client));
  }

  // What `openssl s_client` says of a handshake, or what the server says when `input`, a shell
  // command, has spoken to it.
  std::string Handshake(const std::string& option, const std::string& input = "true") const {
    const std::string command =
        absl::StrCat(input, " | openssl s_client -connect 127.0.0.1:", server_->port(), " ", option,
                     " -alpn h2 -CAfile ", config_.ca, " -cert ",
                     scratch_.Write("c.pem", controller_.certificate), " -key ",
                     scratch_.Write("c.key", controller_.key), " 2>&1");
    // NOLINTNEXTLINE(cert-env33-c): a test's own command line.
    FILE* pipe = popen(command.c_str(), "r");
    std::string said;
    char buffer[4096];
    while (const size_t got = fread(buffer, 1, sizeof buffer, pipe)) said.append(buffer, got);
    pclose(pipe);
    return said;
  }

  // Waits until the server closes.
  static bool IsClosedByServer(int fd, int timeout_millis = 5000) {
    pollfd waited{.fd = fd, .events = POLLRDHUP, .revents = 0};
    return poll(&waited, 1, timeout_millis) == 1;
  }
};

TEST_F(ServerTest, DescribesTheNodeToAController) {
  StartServer();
  v1::DescribeResponse response;
  const grpc::Status status = Describe(Dial(&controller_), &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(response.cluster(), "c");
  EXPECT_EQ(response.node(), "node-1");
}

TEST_F(ServerTest, ServesOverIpv6AndMarksItsConnections) {
  config_.max_connections = 1;
  StartServer("[::1]:0");
  const auto first = Dial(&controller_);
  ASSERT_TRUE(Describe(first).ok());
  // Authorised, so it keeps the only place.
  EXPECT_EQ(Describe(Dial(&controller_)).error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_TRUE(Describe(first).ok());
}

TEST_F(ServerTest, RefusesAClientWithoutACertificate) {
  StartServer();
  EXPECT_EQ(Describe(Dial(nullptr)).error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(ServerTest, RefusesAnotherAuthoritysClient) {
  StartServer();
  const Pem other = MakeAuthority();
  const Pem client = Issue(ControllerSubject(), &other);
  EXPECT_EQ(Describe(Dial(&client)).error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(ServerTest, RefusesANodesCertificateAsAClients) {
  StartServer();
  EXPECT_EQ(DescribeAs(NodeSubject()).error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(ServerTest, RefusesExpiredAndFutureCertificates) {
  StartServer();
  Subject subject = ControllerSubject();
  subject.not_after = absl::Now() - absl::Minutes(1);
  EXPECT_EQ(DescribeAs(subject).error_code(), grpc::StatusCode::UNAVAILABLE);
  subject.not_before = absl::Now() + absl::Hours(1);
  subject.not_after = absl::Now() + absl::Hours(2);
  EXPECT_EQ(DescribeAs(subject).error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(ServerTest, RefusesWhoIsOfTheAuthorityButNoController) {
  StartServer();
  for (const Subject& subject :
       {Subject{.uris = {"bpa://c/node/node-2"}, .usage = "clientAuth"},
        Subject{.uris = {"bpa://other/controller/admin"}, .usage = "clientAuth"},
        Subject{.uris = {"bpa://c/controller/admin"}, .usage = ""}}) {
    const grpc::Status status = DescribeAs(subject);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::PERMISSION_DENIED);
    EXPECT_THAT(status.error_message(), HasSubstr("client certificate"));
  }
}

TEST_F(ServerTest, SpeaksTls13Only) {
  StartServer();
  EXPECT_THAT(Handshake("-tls1_3"), HasSubstr("New, TLSv1.3"));
  for (const char* old : {"-tls1_2", "-tls1_1"}) {
    const std::string said = Handshake(old);
    EXPECT_THAT(said, HasSubstr("New, (NONE)")) << said;
  }
}

TEST_F(ServerTest, ServesARenewedCertificateWithoutARestart) {
  StartServer();
  const auto before = Dial(&controller_);
  ASSERT_TRUE(Describe(before).ok());
  Subject renewed = NodeSubject();
  renewed.not_after = absl::Now() + absl::Hours(1000);
  WriteNode(Issue(renewed, &authority_));
  v1::DescribeResponse response;
  ASSERT_TRUE(Describe(Dial(&controller_), &response).ok());
  EXPECT_EQ(response.certificate_expires_at_unix_millis() / 1000,
            absl::ToUnixSeconds(renewed.not_after));
  EXPECT_THAT(
      Handshake("-tls1_3 -showcerts"),
      HasSubstr(absl::FormatTime("%H:%M:%S %Y GMT", renewed.not_after, absl::UTCTimeZone())));
  EXPECT_TRUE(Describe(before).ok());
}

TEST_F(ServerTest, KeepsTheOldCertificateWhileTheNewOneIsHalfWritten) {
  StartServer();
  scratch_.Write("node.pem", Issue(NodeSubject(), &authority_).certificate);
  EXPECT_TRUE(Describe(Dial(&controller_)).ok());
}

TEST_F(ServerTest, DoesNotStartWithoutItsFilesOrItsAddress) {
  StartServer();
  Config taken = config_;
  taken.listen = *ParseSocketAddress(absl::StrCat("127.0.0.1:", server_->port()));
  EXPECT_EQ(Server::Start(taken).status().code(), absl::StatusCode::kUnavailable);
  Config missing = config_;
  missing.key = scratch_.Path("missing.key");
  EXPECT_EQ(Server::Start(missing).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(ServerTest, LetsAControllerInThroughAFloodOfIdleConnections) {
  config_.max_connections = 4;
  StartServer();
  std::vector<int> flood;
  flood.reserve(4);
  for (int i = 0; i < 4; ++i) flood.push_back(IdleConnection());
  EXPECT_TRUE(Describe(Dial(&controller_)).ok());
  EXPECT_TRUE(IsClosedByServer(flood[0]));
  for (const int fd : flood) close(fd);
}

TEST_F(ServerTest, ClosesWhatIsBeyondTheLimitAtOnce) {
  config_.max_connections = 2;
  StartServer();
  const auto first = Dial(&controller_);
  const auto second = Dial(&controller_);
  ASSERT_TRUE(Describe(first).ok());
  ASSERT_TRUE(Describe(second).ok());
  const int third = IdleConnection();
  EXPECT_TRUE(IsClosedByServer(third));
  close(third);
  EXPECT_TRUE(Describe(first).ok());
  EXPECT_TRUE(Describe(second).ok());
}

// RFC 9113: the preface and empty SETTINGS of a client; the server's SETTINGS are its first frame.
TEST_F(ServerTest, AllowsSixteenStreamsOnAConnection) {
  StartServer();
  const std::string said =
      Handshake("-tls1_3 -quiet -no_ign_eof",
                R"({ printf 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0'; sleep 1; })");
  // SETTINGS_MAX_CONCURRENT_STREAMS is 3.
  EXPECT_THAT(said, HasSubstr(std::string("\0\3\0\0\0\20", 6)));
}

TEST_F(ServerTest, ClosesWhoDoesNotFinishItsHandshakeInTenSeconds) {
  StartServer();
  const int silent = IdleConnection();
  EXPECT_FALSE(IsClosedByServer(silent, 8000));
  EXPECT_TRUE(IsClosedByServer(silent, 7000));
  close(silent);
}

TEST_F(ServerTest, GivesThePlaceOfOneWhoLeftToTheNext) {
  config_.max_connections = 1;
  StartServer();
  for (int i = 0; i < 3; ++i) {
    // gRPC closes its side when it has seen ours go, which may take it a moment.
    const absl::Time until = absl::Now() + absl::Seconds(10);
    grpc::Status status;
    do {
      status = Describe(Dial(&controller_));
    } while (!status.ok() && absl::Now() < until);
    EXPECT_TRUE(status.ok()) << status.error_message();
  }
}

}  // namespace
}  // namespace bpa::gateway
