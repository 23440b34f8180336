#include "agent/gateway/http_request.h"

#include <algorithm>

#include "absl/strings/match.h"

namespace bpa::gateway {
namespace {

constexpr std::string_view kEndOfLine = "\r\n";

// RFC 9110: the characters of methods and field names.
bool IsToken(std::string_view text) {
  constexpr std::string_view kOther = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           kOther.find(c) != std::string_view::npos;
  });
}

bool IsVisible(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

// Blanks and tabs too, and bytes over 0x7f, which are opaque.
bool IsFieldValue(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) < ' ' && c != '\t') || c == 0x7f;
  });
}

absl::string_view View(std::string_view text) { return {text.data(), text.size()}; }

bool ParseRequestLine(std::string_view line, HttpRequest& request) {
  const size_t first = line.find(' ');
  const size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) return false;
  request.method = line.substr(0, first);
  std::string_view target = line.substr(first + 1, last - first - 1);
  const std::string_view version = line.substr(last + 1);
  if (!IsToken(request.method) || target.empty() || !IsVisible(target)) return false;
  request.path = target.substr(0, target.find('?'));
  return version == "HTTP/1.1" || version == "HTTP/1.0";
}

bool CheckField(std::string_view line) {
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos) return false;
  const std::string_view name = line.substr(0, colon);
  const std::string_view value = line.substr(colon + 1);
  if (!IsToken(name) || !IsFieldValue(value)) return false;
  if (absl::EqualsIgnoreCase(View(name), "Transfer-Encoding")) return false;
  if (!absl::EqualsIgnoreCase(View(name), "Content-Length")) return true;
  return value.find_first_not_of(" \t0") == std::string_view::npos;
}

// Before it is whole: what can be told to be wrong already.
HttpRequest Unfinished(std::string_view bytes) {
  const size_t end = bytes.find(kEndOfLine);
  HttpRequest request;
  const bool long_enough = bytes.size() >= kMaxHttpHeadBytes;
  const bool right = end == std::string_view::npos
                         ? IsToken(bytes.substr(0, bytes.find(' ')))
                         : ParseRequestLine(bytes.substr(0, end), request);
  if (bytes.empty() || (right && !long_enough)) return {};
  return {.head = HttpHead::kMalformed, .method = {}, .path = {}};
}

}  // namespace

HttpRequest ParseHttpRequest(std::string_view bytes) {
  const std::string_view visible = bytes.substr(0, kMaxHttpHeadBytes);
  const size_t end = visible.find("\r\n\r\n");
  if (end == std::string_view::npos) return Unfinished(visible);
  std::string_view left = visible.substr(0, end + kEndOfLine.size());
  HttpRequest request;
  bool right = true;
  for (bool first = true; !left.empty() && right; first = false) {
    const size_t line_end = left.find(kEndOfLine);
    const std::string_view line = left.substr(0, line_end);
    right = first ? ParseRequestLine(line, request) : CheckField(line);
    left.remove_prefix(line_end + kEndOfLine.size());
  }
  if (!right) return {.head = HttpHead::kMalformed, .method = {}, .path = {}};
  request.head = HttpHead::kComplete;
  return request;
}

}  // namespace bpa::gateway
