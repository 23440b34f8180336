// The tree behind yaml::Value.
#ifndef BPA_PROTO_YAML_DOCUMENT_H_
#define BPA_PROTO_YAML_DOCUMENT_H_

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace bpa::yaml {

enum class NodeType { kNull, kScalar, kList, kMapping };

struct Node {
  struct Entry {
    std::string key;
    int line;  // of the key, 1-based
    int column;
    std::unique_ptr<Node> value;
  };

  NodeType type = NodeType::kNull;
  int line = 1;  // 1-based
  int column = 1;
  const Node* parent = nullptr;
  const std::string* file_name = nullptr;  // owned by the document
  std::string label;                       // the key or index in `parent`

  std::string text;     // kScalar
  bool quoted = false;  // kScalar: in quotes or a block, so that it is a string and nothing else
  std::vector<std::unique_ptr<Node>> items;                // kList
  std::vector<Entry> entries;                              // kMapping, in the document's order
  std::map<std::string, const Node*, std::less<>> by_key;  // kMapping
};

// InvalidArgument "FILE:LINE:COLUMN: PATH: WHAT", the path being that of `node`.
absl::Status ErrorAt(const Node& node, int line, int column, std::string_view what);

// The root of the document in `text`. It keeps the whole tree alive.
absl::StatusOr<std::shared_ptr<const Node>> BuildDocument(std::string_view text,
                                                          std::string_view file_name);

}  // namespace bpa::yaml

#endif  // BPA_PROTO_YAML_DOCUMENT_H_
