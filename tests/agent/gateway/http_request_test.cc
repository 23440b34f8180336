#include "agent/gateway/http_request.h"

#include <gtest/gtest.h>

#include <string>

namespace bpa::gateway {
namespace {

constexpr char kPrometheus[] =
    "GET /metrics?x=1 HTTP/1.1\r\nHost: 10.0.0.1:7444\r\nUser-Agent: Prometheus/2.42.0\r\n"
    "Accept: application/openmetrics-text;version=1.0.0,*/*;q=0.1\r\nAccept-Encoding: gzip\r\n"
    "X-Prometheus-Scrape-Timeout-Seconds: 10\r\n\r\n";

TEST(HttpRequestTest, ReadsWhatPrometheusSends) {
  const HttpRequest request = ParseHttpRequest(kPrometheus);
  EXPECT_EQ(request.head, HttpHead::kComplete);
  EXPECT_EQ(request.method, "GET");
  EXPECT_EQ(request.path, "/metrics");
}

TEST(HttpRequestTest, WaitsForTheRestHoweverItIsCut) {
  const std::string whole = kPrometheus;
  for (size_t cut = 0; cut < whole.size(); ++cut) {
    EXPECT_EQ(ParseHttpRequest(whole.substr(0, cut)).head, HttpHead::kIncomplete) << cut;
  }
}

TEST(HttpRequestTest, TakesAnEmptyBodyAndTheOlderVersion) {
  EXPECT_EQ(ParseHttpRequest("HEAD / HTTP/1.0\r\n\r\n").head, HttpHead::kComplete);
  EXPECT_EQ(ParseHttpRequest("GET / HTTP/1.1\r\nContent-Length: 0\r\n\r\n").head,
            HttpHead::kComplete);
}

class HttpGarbageTest : public testing::TestWithParam<const char*> {};

TEST_P(HttpGarbageTest, IsMalformed) {
  EXPECT_EQ(ParseHttpRequest(GetParam()).head, HttpHead::kMalformed) << GetParam();
}

INSTANTIATE_TEST_SUITE_P(
    Table, HttpGarbageTest,
    testing::Values("\x16\x03\x01\x02", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                    " GET / HTTP/1.1\r\n\r\n", "GET\r\n\r\n", "GET /\r\n\r\n",
                    "GET / HTTP/1.2\r\n\r\n", "GET / http/1.1\r\n\r\n", "GET  HTTP/1.1\r\n\r\n",
                    "GET / HTTP/1.1 \r\n\r\n", "GET /a b HTTP/1.1\r\n\r\n",
                    "GET /\x01 HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\n\n\r\n\r\n",
                    "GET / HTTP/1.1\r\nNo colon\r\n\r\n", "GET / HTTP/1.1\r\n: nameless\r\n\r\n",
                    "GET / HTTP/1.1\r\n folded: x\r\n\r\n", "GET / HTTP/1.1\r\nA : b\r\n\r\n",
                    "GET / HTTP/1.1\r\nA: b\x01\r\n\r\n", "GET / HTTP/1.1\r\nA: b\nC: d\r\n\r\n",
                    "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc",
                    "GET / HTTP/1.1\r\ncontent-length: 10\r\n\r\n",
                    "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"));

TEST(HttpRequestTest, IsBoundedInLength) {
  const std::string begun = "GET / HTTP/1.1\r\nA: ";
  EXPECT_EQ(ParseHttpRequest(begun + std::string(kMaxHttpHeadBytes - begun.size() - 1, 'x')).head,
            HttpHead::kIncomplete);
  EXPECT_EQ(ParseHttpRequest(begun + std::string(kMaxHttpHeadBytes - begun.size(), 'x')).head,
            HttpHead::kMalformed);
  EXPECT_EQ(ParseHttpRequest(std::string(kMaxHttpHeadBytes, 'G')).head, HttpHead::kMalformed);
}

}  // namespace
}  // namespace bpa::gateway
