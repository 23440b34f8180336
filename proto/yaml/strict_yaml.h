// Strict reading of the YAML that people write: agent.yaml and cluster.yaml.
//
// Every error names file, line and column, says what was expected, and suggests the nearest known
// key for a misspelt one. Nothing is ignored: unknown keys, duplicate keys, anchors, aliases, tags,
// extra documents and values of another type are errors.
#ifndef BPA_PROTO_YAML_STRICT_YAML_H_
#define BPA_PROTO_YAML_STRICT_YAML_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace bpa::yaml {

inline constexpr size_t kMaxDocumentBytes = 1024 * 1024;
inline constexpr int kMaxDepth = 16;
inline constexpr size_t kMaxNodes = 64 * 1024;
inline constexpr size_t kMaxKeyBytes = 1024;

struct Node;  // document.h

// A value in a document, cheap to copy. Methods that fail return InvalidArgument of the form
// "cluster.yaml:12:5: nodes.node-1.role: expected a string".
class Value {
 public:
  // Any scalar but null, as it is written: an unquoted 262144 is "262144".
  absl::StatusOr<std::string> String() const;
  // Unquoted decimal digits without leading zeros, which YAML 1.1 takes for octal.
  absl::StatusOr<int64_t> Int(int64_t min, int64_t max) const;
  // Unquoted `true` or `false`.
  absl::StatusOr<bool> Bool() const;
  // "90s", "10m", "1h30m".
  absl::StatusOr<absl::Duration> Duration(absl::Duration min, absl::Duration max) const;
  // Permission bits, written as an octal string or number: 0777, "0777", 777 all mean 0777.
  absl::StatusOr<uint32_t> FileMode() const;
  absl::StatusOr<std::vector<Value>> List(size_t max_items) const;
  absl::StatusOr<std::vector<std::string>> StringList(size_t max_items) const;

  // --- Mappings.
  // Fails unless this is a mapping whose every key is one of `known`.
  absl::Status ExpectKeys(const std::vector<std::string_view>& known) const;
  // Keys in the document's order; for mappings with free keys (node and role names).
  absl::StatusOr<std::vector<std::string>> Keys(size_t max_items) const;
  // Absent keys: nullopt, or an error that says that the key is missing.
  std::optional<Value> Find(std::string_view key) const;
  absl::StatusOr<Value> Get(std::string_view key) const;

  // An InvalidArgument at this value's place.
  absl::Status Error(std::string_view what) const;
  // 1-based.
  int line() const;
  int column() const;

 private:
  friend absl::StatusOr<Value> Parse(std::string_view text, std::string_view file_name);
  explicit Value(std::shared_ptr<const Node> node);
  std::shared_ptr<const Node> node_;
};

// One document of UTF-8 text, within the limits above.
absl::StatusOr<Value> Parse(std::string_view text, std::string_view file_name);

// "did you mean 'mount_point'?" or empty: the known word at edit distance <= 2.
std::string Suggestion(std::string_view word, const std::vector<std::string_view>& known);

}  // namespace bpa::yaml

#endif  // BPA_PROTO_YAML_STRICT_YAML_H_
