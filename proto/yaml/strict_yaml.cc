#include "proto/yaml/strict_yaml.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "proto/yaml/document.h"

namespace bpa::yaml {
namespace {

constexpr uint32_t kMaxFileMode = 07777;

bool IsDigits(absl::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(),
                                      [](unsigned char c) { return absl::ascii_isdigit(c); });
}

const char* DescribeType(const Node& node) {
  switch (node.type) {
    case NodeType::kNull:
      return "nothing";
    case NodeType::kScalar:
      return node.quoted ? "a string in quotes" : "a word";
    case NodeType::kList:
      return "a list";
    case NodeType::kMapping:
      return "a mapping";
  }
  return "";
}

// "expected a number, found a list" or "expected a number, found 'abc'".
std::string Expected(const Node& node, const std::string& what) {
  if (node.type == NodeType::kScalar && !node.quoted) {
    return absl::StrCat("expected ", what, ", found '",
                        absl::Utf8SafeCEscape(node.text.substr(0, kMaxKeyBytes)), "'");
  }
  return absl::StrCat("expected ", what, ", found ", DescribeType(node));
}

std::string JoinWords(const std::vector<std::string_view>& words) {
  return absl::StrJoin(words, ", ",
                       [](std::string* out, std::string_view word) { out->append(word); });
}

}  // namespace

Value::Value(std::shared_ptr<const Node> node) : node_(std::move(node)) {}

int Value::line() const { return node_->line; }
int Value::column() const { return node_->column; }

absl::Status Value::Error(std::string_view what) const {
  return ErrorAt(*node_, node_->line, node_->column, what);
}

absl::StatusOr<std::string> Value::String() const {
  if (node_->type != NodeType::kScalar) return Error(Expected(*node_, "a string"));
  return node_->text;
}

absl::StatusOr<int64_t> Value::Int(int64_t min, int64_t max) const {
  if (node_->type != NodeType::kScalar || node_->quoted) {
    return Error(Expected(*node_, "a whole number without quotes"));
  }
  absl::string_view digits = node_->text;
  absl::ConsumePrefix(&digits, "-");
  if (!IsDigits(digits)) return Error(Expected(*node_, "a whole number"));
  if (digits.size() > 1 && digits[0] == '0') {
    return Error(Expected(*node_, "a whole number without leading zeros"));
  }
  int64_t value = 0;
  if (!absl::SimpleAtoi(node_->text, &value) || value < min || value > max) {
    return Error(Expected(*node_, absl::StrCat("a whole number from ", min, " to ", max)));
  }
  return value;
}

absl::StatusOr<bool> Value::Bool() const {
  if (node_->type == NodeType::kScalar && !node_->quoted) {
    if (node_->text == "true") return true;
    if (node_->text == "false") return false;
  }
  return Error(Expected(*node_, "true or false (without quotes)"));
}

absl::StatusOr<absl::Duration> Value::Duration(absl::Duration min, absl::Duration max) const {
  absl::Duration value;
  // ParseDuration also takes signs, "inf" and blanks.
  if (node_->type != NodeType::kScalar || node_->text.empty() ||
      node_->text.find_first_not_of("0123456789.hmsun") != std::string::npos ||
      !absl::ParseDuration(node_->text, &value)) {
    return Error(Expected(*node_, "a duration such as 90s, 10m or 1h30m"));
  }
  if (value < min || value > max) {
    return Error(Expected(*node_, absl::StrCat("a duration from ", absl::FormatDuration(min),
                                               " to ", absl::FormatDuration(max))));
  }
  return value;
}

absl::StatusOr<uint32_t> Value::FileMode() const {
  constexpr char kForm[] = "permission bits in octal, such as 0755";
  if (node_->type != NodeType::kScalar) return Error(Expected(*node_, kForm));
  const std::string& digits = node_->text;
  if (digits.size() < 3 || digits.size() > 5 ||
      digits.find_first_not_of("01234567") != std::string::npos) {
    return Error(Expected(*node_, kForm));
  }
  uint32_t mode = 0;
  for (const char digit : digits) mode = mode * 8 + static_cast<uint32_t>(digit - '0');
  if (mode > kMaxFileMode) {
    return Error(
        Expected(*node_, absl::StrFormat("permission bits of at most %05o", kMaxFileMode)));
  }
  return mode;
}

absl::StatusOr<std::vector<Value>> Value::List(size_t max_items) const {
  if (node_->type != NodeType::kList) {
    return Error(Expected(*node_, "a list ([] is an empty one)"));
  }
  if (node_->items.size() > max_items) {
    return Error(absl::StrCat(node_->items.size(), " items, allowed are ", max_items));
  }
  std::vector<Value> values;
  for (const auto& item : node_->items) {
    // Shares the ownership of the whole document.
    values.push_back(Value(std::shared_ptr<const Node>(node_, item.get())));
  }
  return values;
}

absl::StatusOr<std::vector<std::string>> Value::StringList(size_t max_items) const {
  const auto items = List(max_items);
  if (!items.ok()) return items.status();
  std::vector<std::string> strings;
  for (const Value& item : *items) {
    absl::StatusOr<std::string> text = item.String();
    if (!text.ok()) return text.status();
    strings.push_back(*std::move(text));
  }
  return strings;
}

absl::Status Value::ExpectKeys(const std::vector<std::string_view>& known) const {
  if (node_->type != NodeType::kMapping) {
    return Error(Expected(*node_, absl::StrCat("a mapping with ", JoinWords(known))));
  }
  for (const Node::Entry& entry : node_->entries) {
    if (std::find(known.begin(), known.end(), entry.key) != known.end()) continue;
    std::string hint = Suggestion(entry.key, known);
    if (hint.empty()) hint = absl::StrCat("known are ", JoinWords(known));
    return ErrorAt(*node_, entry.line, entry.column,
                   absl::StrCat("unknown key '", absl::Utf8SafeCEscape(entry.key), "': ", hint));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> Value::Keys(size_t max_items) const {
  if (node_->type != NodeType::kMapping) {
    return Error(Expected(*node_, "a mapping ({} is an empty one)"));
  }
  if (node_->entries.size() > max_items) {
    return Error(absl::StrCat(node_->entries.size(), " entries, allowed are ", max_items));
  }
  std::vector<std::string> keys;
  for (const Node::Entry& entry : node_->entries) keys.push_back(entry.key);
  return keys;
}

std::optional<Value> Value::Find(std::string_view key) const {
  const auto found = node_->by_key.find(key);
  if (found == node_->by_key.end()) return std::nullopt;
  return Value(std::shared_ptr<const Node>(node_, found->second));
}

absl::StatusOr<Value> Value::Get(std::string_view key) const {
  if (node_->type != NodeType::kMapping) {
    return Error(Expected(*node_, absl::StrCat("a mapping with '", std::string(key), "'")));
  }
  std::optional<Value> value = Find(key);
  if (!value.has_value()) return Error(absl::StrCat("the key '", std::string(key), "' is missing"));
  return *std::move(value);
}

absl::StatusOr<Value> Parse(std::string_view text, std::string_view file_name) {
  auto root = BuildDocument(text, file_name);
  if (!root.ok()) return root.status();
  return Value(*std::move(root));
}

}  // namespace bpa::yaml
