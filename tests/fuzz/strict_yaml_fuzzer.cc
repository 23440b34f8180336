// Reads every value in every way; what it accepts must hold the limits it promises.
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <string_view>

#include "proto/yaml/strict_yaml.h"

namespace {

using bpa::yaml::Value;

void Read(const Value& value, int depth) {
  if (depth > bpa::yaml::kMaxDepth) std::abort();
  if (value.line() < 1 || value.column() < 1) std::abort();
  if (value.Int(-5, 5).value_or(0) > 5) std::abort();
  if (value.FileMode().value_or(0) > 07777) std::abort();
  if (value.Duration(absl::ZeroDuration(), absl::Hours(1)).value_or(absl::ZeroDuration()) >
      absl::Hours(1)) {
    std::abort();
  }
  static_cast<void>(value.Bool());
  static_cast<void>(value.String());
  static_cast<void>(value.StringList(3));
  static_cast<void>(value.ExpectKeys({"cluster", "node"}));
  if (const auto items = value.List(bpa::yaml::kMaxNodes); items.ok()) {
    for (const Value& item : *items) Read(item, depth + 1);
  }
  if (const auto keys = value.Keys(bpa::yaml::kMaxNodes); keys.ok()) {
    for (const std::string& key : *keys) Read(value.Get(key).value(), depth + 1);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto root = bpa::yaml::Parse(text, "fuzz.yaml");
  if (root.ok()) {
    Read(*root, 0);
  } else if (root.status().code() != absl::StatusCode::kInvalidArgument) {
    std::abort();
  }
  return 0;
}
