#include "controller/page/html.h"

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "proto/utf8.h"

namespace bpa::controller {
namespace {

// The code point of a valid sequence.
uint32_t Decode(std::string_view sequence) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(sequence[i]); };
  if (sequence.size() == 1) return byte(0);
  uint32_t value = byte(0) & (0xFFU >> (sequence.size() + 1));
  for (size_t i = 1; i < sequence.size(); ++i) value = value << 6 | (byte(i) & 0x3FU);
  return value;
}

// Unicode's formatting and direction characters, line and paragraph separators, and control
// characters: what shows nothing and changes how the rest reads.
bool IsHidden(uint32_t c) {
  return (c < 0x20 && c != '\n' && c != '\t') || (c >= 0x7F && c < 0xA0) || c == 0xAD ||
         c == 0x061C || (c >= 0x200B && c <= 0x200F) || (c >= 0x2028 && c <= 0x202E) ||
         (c >= 0x2060 && c <= 0x206F) || c == 0xFEFF || (c >= 0xFFF0 && c <= 0xFFFB) ||
         (c >= 0xE0000 && c <= 0xE0FFF);
}

void AppendCharacter(std::string_view sequence, std::string* out) {
  switch (sequence.front()) {
    case '&':
      return absl::StrAppend(out, "&amp;");
    case '<':
      return absl::StrAppend(out, "&lt;");
    case '>':
      return absl::StrAppend(out, "&gt;");
    case '"':
      return absl::StrAppend(out, "&quot;");
    case '\'':
      return absl::StrAppend(out, "&#39;");
    default:
      break;
  }
  const uint32_t c = Decode(sequence);
  if (IsHidden(c)) {
    absl::StrAppendFormat(out, "&lt;U+%04X&gt;", c);
  } else {
    out->append(sequence);
  }
}

std::string Escaped(std::string_view text) {
  std::string escaped;
  while (!text.empty()) {
    const size_t length = Utf8Length(text);
    if (length == 0) {
      escaped += "\xEF\xBF\xBD";
      text.remove_prefix(1);
      continue;
    }
    AppendCharacter(text.substr(0, length), &escaped);
    text.remove_prefix(length);
  }
  return escaped;
}

}  // namespace

Html Text(std::string_view text) { return Html(Escaped(text)); }

Html Tag(const char* name, const Attributes& attributes, const Html& content) {
  std::string source = absl::StrCat("<", name);
  for (const auto& [key, value] : attributes) {
    absl::StrAppend(&source, " ", key, "=\"", Escaped(value), "\"");
  }
  absl::StrAppend(&source, ">", content.source(), "</", name, ">");
  return Html(std::move(source));
}

}  // namespace bpa::controller
