// Bytes at the monitoring port: what is complete or malformed stays so, however many bytes follow.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "agent/gateway/http_request.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using bpa::gateway::HttpHead;
  using bpa::gateway::HttpRequest;
  using bpa::gateway::ParseHttpRequest;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  HttpRequest before;
  // Its ends only: looking at each prefix would take the square of the time.
  for (const size_t cut : {size_t{0}, size / 2, size - std::min<size_t>(size, 1), size}) {
    const HttpRequest now = ParseHttpRequest(bytes.substr(0, cut));
    if (before.head != HttpHead::kIncomplete &&
        (now.head != before.head || now.path != before.path || now.method != before.method)) {
      std::abort();
    }
    if (now.head == HttpHead::kComplete && (now.method.empty() || cut < 16)) std::abort();
    before = now;
  }
  if (size >= bpa::gateway::kMaxHttpHeadBytes && before.head == HttpHead::kIncomplete) std::abort();
  return 0;
}
