// The head of an HTTP request, as far as monitoring needs it.
#ifndef BPA_AGENT_GATEWAY_HTTP_REQUEST_H_
#define BPA_AGENT_GATEWAY_HTTP_REQUEST_H_

#include <cstddef>
#include <string_view>

namespace bpa::gateway {

// Prometheus' request is some 300 bytes.
inline constexpr size_t kMaxHttpHeadBytes = 4096;

enum class HttpHead {
  kIncomplete,  // more bytes are needed, and there is room for them
  kMalformed,   // not HTTP/1.0 or 1.1 (RFC 9112), too long, or with a body
  kComplete,
};

struct HttpRequest {
  HttpHead head = HttpHead::kIncomplete;
  // kComplete: both point into the bytes. The path is without its query.
  std::string_view method;
  std::string_view path;
};

// Looks at what has come so far. Nothing is decoded or unescaped: the paths that are served are
// plain, and anything else is simply another path. Whatever needs more than the request line and
// well-formed header lines, each ended by CR LF, is malformed; what is malformed stays so.
HttpRequest ParseHttpRequest(std::string_view bytes);

}  // namespace bpa::gateway

#endif  // BPA_AGENT_GATEWAY_HTTP_REQUEST_H_
