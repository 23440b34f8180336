#include "agent/gateway/http_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "tests/agent/gateway/http_client.h"

namespace bpa::gateway {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr int kPatienceMillis = 20000;
// More than all the buffers on the way hold.
constexpr size_t kLargeBytes = size_t{32} << 20;

class HttpServerTest : public testing::Test {
 protected:
  void Serve(HttpDeadlines deadlines = {}) {
    auto listener = Listener::Open(*ParseSocketAddress("127.0.0.1:0"));
    ASSERT_TRUE(listener.ok()) << listener.status();
    server_ = std::make_unique<HttpServer>(
        *std::move(listener),
        [](std::string_view path) -> HttpResponse {
          if (path == "/large") return {.body = std::string(kLargeBytes, 'x')};
          if (path == "/small") return {.body = "small\n"};
          return {.status = 404, .body = "none\n"};
        },
        deadlines);
    ASSERT_TRUE(server_->Start().ok());
  }
  std::string Get(std::string_view path) { return HttpGet(server_->port(), path); }
  std::string Ask(std::string_view bytes) {
    HttpClient client(server_->port());
    client.Send(bytes);
    return client.ReadAll();
  }
  void ExpectServed() { EXPECT_THAT(Get("/small"), EndsWith("\r\n\r\nsmall\n")); }

  std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpServerTest, AnswersOneRequestAConnection) {
  Serve();
  const std::string answer = Get("/small?a=b");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, HasSubstr("\r\nContent-Length: 6\r\n"));
  EXPECT_THAT(answer, HasSubstr("\r\nConnection: close\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\nsmall\n"));
  EXPECT_THAT(Get("/other"), StartsWith("HTTP/1.1 404 Not Found\r\n"));
  EXPECT_EQ(Get("/large").substr(0, 15), "HTTP/1.1 200 OK");
}

TEST_F(HttpServerTest, AnswersARequestThatComesByteByByte) {
  Serve();
  HttpClient client(server_->port());
  for (const char byte : std::string("GET /small HTTP/1.0\r\n\r\n")) client.Send({&byte, 1});
  EXPECT_THAT(client.ReadAll(), EndsWith("small\n"));
}

TEST_F(HttpServerTest, HasNoBodyForHead) {
  Serve();
  const std::string answer = Ask("HEAD /small HTTP/1.1\r\n\r\n");
  EXPECT_THAT(answer, HasSubstr("\r\nContent-Length: 6\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\n"));
}

TEST_F(HttpServerTest, RefusesOtherMethodsAndWhatIsNoHttp) {
  Serve();
  const std::string denied = Ask("DELETE /small HTTP/1.1\r\n\r\n");
  EXPECT_THAT(denied, StartsWith("HTTP/1.1 405 Method Not Allowed\r\n"));
  EXPECT_THAT(denied, HasSubstr("\r\nAllow: GET, HEAD\r\n"));
  EXPECT_THAT(Ask("\x16\x03\x01 hello"), StartsWith("HTTP/1.1 400 Bad Request\r\n"));
  EXPECT_THAT(Ask(std::string(100000, '\0')), StartsWith("HTTP/1.1 400 Bad Request\r\n"))
      << "the answer comes though there is more to read";
  EXPECT_THAT(Ask("GET /small HTTP/1.1\r\n" + std::string(5000, 'x')),
              StartsWith("HTTP/1.1 400 Bad Request\r\n"));
  ExpectServed();
}

TEST_F(HttpServerTest, LeavesAScraperThatNeverReads) {
  Serve({.response = absl::Milliseconds(300)});
  HttpClient deaf(server_->port());
  deaf.Send("GET /large HTTP/1.1\r\n\r\n");
  ExpectServed();
  pollfd hung_up{.fd = deaf.fd(), .events = POLLRDHUP, .revents = 0};
  EXPECT_EQ(poll(&hung_up, 1, kPatienceMillis), 1);
  EXPECT_LT(deaf.ReadAll().size(), kLargeBytes);
  ExpectServed();
}

TEST_F(HttpServerTest, LeavesAPeerThatNeverAsks) {
  Serve({.request = absl::Milliseconds(100)});
  HttpClient silent(server_->port());
  HttpClient slow(server_->port());
  slow.Send("GET /small HT");
  EXPECT_TRUE(silent.Ended(kPatienceMillis));
  EXPECT_TRUE(slow.Ended(kPatienceMillis));
  ExpectServed();
}

TEST_F(HttpServerTest, ClosesTheOldestForTheNewestAndServesOn) {
  Serve({.request = absl::Hours(1)});
  std::vector<std::unique_ptr<HttpClient>> flood;
  for (int i = 0; i < 400; ++i) {
    flood.push_back(std::make_unique<HttpClient>(server_->port()));
    flood.back()->Send("GET /");
  }
  ExpectServed();
  for (size_t i = 0; i + kMaxHttpConnections < flood.size(); ++i) {
    EXPECT_TRUE(flood[i]->Ended(kPatienceMillis)) << i;
  }
  const auto open = std::count_if(flood.begin(), flood.end(),
                                  [](const auto& client) { return !client->Ended(); });
  EXPECT_LE(open, static_cast<long>(kMaxHttpConnections));
}

TEST_F(HttpServerTest, SurvivesThousandsOfConnectionsThatComeAndGo) {
  Serve();
  for (int i = 0; i < 3000; ++i) {
    HttpClient client(server_->port());
    if (i % 100 == 0) client.Send("GET /large HTTP/1.1\r\n\r\n");
    if (i % 3 == 1) client.Send("\xff\xff");
    // Gone with a reset, mostly, in the middle of whatever the server does.
  }
  ExpectServed();
}

TEST_F(HttpServerTest, EndsWhileSomebodyIsConnected) {
  Serve();
  HttpClient silent(server_->port());
  HttpClient deaf(server_->port());
  deaf.Send("GET /large HTTP/1.1\r\n\r\n");
  ExpectServed();
  server_.reset();
  EXPECT_TRUE(silent.Ended(kPatienceMillis));
}

}  // namespace
}  // namespace bpa::gateway
