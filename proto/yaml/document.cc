#include "proto/yaml/document.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <cstdint>
#include <exception>
#include <sstream>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "proto/utf8.h"
#include "proto/yaml/strict_yaml.h"

namespace bpa::yaml {
namespace {

struct Document {
  std::string file_name;
  Node root;
};

std::string PathOf(const Node& node) {
  if (node.parent == nullptr) return "";
  const std::string parent = PathOf(*node.parent);
  if (node.parent->type == NodeType::kList) return absl::StrCat(parent, "[", node.label, "]");
  const std::string label = absl::Utf8SafeCEscape(node.label);
  return parent.empty() ? label : absl::StrCat(parent, ".", label);
}

absl::Status ErrorIn(const std::string& file_name, int line, int column, const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat(file_name, ":", line, ":", column, ": ", what));
}

// Builds the tree from yaml-cpp's events, so that every limit holds while the text is being read;
// its own Node has neither limits nor a way to see duplicate keys. An event cannot stop the parser
// without throwing: the first error is kept and the rest of the text ignored.
class Builder : public YAML::EventHandler {
 public:
  Builder(std::string_view text, Document* document) : text_(text), document_(document) {}

  const absl::Status& status() const { return status_; }
  int documents() const { return documents_; }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ > 1) Fail(mark, "a second document: one file holds one document");
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (!CheckPlain(mark, "", anchor)) return;
    if (ExpectsKey()) return Fail(mark, "a key is missing before ':'");
    if (Node* node = Add(mark, NodeType::kNull); node != nullptr && key_line_ > 0) {
      // Nothing is written there: the key is what a person looks for.
      node->line = key_line_;
      node->column = key_column_;
    }
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t /*anchor*/) override {
    Fail(mark, "aliases (*name) are not supported: write the value out");
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    if (!CheckPlain(mark, tag, anchor)) return;
    CheckQuotes(mark);
    if (!status_.ok()) return;
    if (ExpectsKey()) return TakeKey(mark, value);
    if (Node* node = Add(mark, NodeType::kScalar); node != nullptr) {
      node->text = value;
      node->quoted = tag == "!";  // yaml-cpp's tag of quoted and block scalars
    }
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value /*style*/) override {
    Open(mark, tag, anchor, NodeType::kList);
  }
  void OnSequenceEnd() override { Close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value /*style*/) override {
    Open(mark, tag, anchor, NodeType::kMapping);
  }
  void OnMapEnd() override { Close(); }

 private:
  void Fail(const YAML::Mark& mark, const std::string& what) {
    if (!status_.ok()) return;
    const int line = mark.line + 1;
    const int column = mark.column + 1;
    status_ = open_.empty() ? ErrorIn(document_->file_name, line, column, what)
                            : ErrorAt(*open_.back(), line, column, what);
  }

  bool CheckPlain(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    if (anchor != 0) Fail(mark, "anchors (&name) are not supported: write the value out");
    if (!tag.empty() && tag != "?" && tag != "!") {
      Fail(mark, "tags (!name) are not supported: leave it out");
    }
    return status_.ok();
  }

  // yaml-cpp lets the end of the text close a quote.
  void CheckQuotes(const YAML::Mark& mark) {
    const auto start = static_cast<size_t>(mark.pos);
    if (start >= text_.size()) return;
    const char quote = text_[start];
    if (quote != '\'' && quote != '"') return;
    for (size_t i = start + 1; i < text_.size(); ++i) {
      if (quote == '"' && text_[i] == '\\') {
        ++i;
      } else if (text_[i] == quote) {
        if (quote == '"' || text_.substr(i + 1, 1) != "'") return;
        ++i;  // two single quotes stand for one
      }
    }
    Fail(mark, absl::StrCat("the closing ", std::string(1, quote), " is missing"));
  }

  bool ExpectsKey() const {
    return !open_.empty() && open_.back()->type == NodeType::kMapping && !has_key_;
  }

  void TakeKey(const YAML::Mark& mark, const std::string& key) {
    if (key.size() > kMaxKeyBytes) {
      return Fail(mark, absl::StrCat("a key longer than ", kMaxKeyBytes, " bytes"));
    }
    if (open_.back()->by_key.contains(key)) {
      return Fail(mark, absl::StrCat("duplicate key '", absl::Utf8SafeCEscape(key), "'"));
    }
    has_key_ = true;
    key_ = key;
    key_line_ = mark.line + 1;
    key_column_ = mark.column + 1;
  }

  // A new node in its place; nullptr if there may be no more.
  Node* Add(const YAML::Mark& mark, NodeType type) {
    if (++nodes_ > kMaxNodes) {
      Fail(mark, absl::StrCat("more than ", kMaxNodes, " values"));
      return nullptr;
    }
    Node* node = &document_->root;
    if (!open_.empty()) {
      Node& parent = *open_.back();
      auto child = std::make_unique<Node>();
      node = child.get();
      node->parent = &parent;
      if (parent.type == NodeType::kList) {
        node->label = absl::StrCat(parent.items.size());
        key_line_ = 0;
        parent.items.push_back(std::move(child));
      } else {
        node->label = key_;
        parent.by_key.emplace(key_, node);
        parent.entries.push_back({.key = std::exchange(key_, ""),
                                  .line = key_line_,
                                  .column = key_column_,
                                  .value = std::move(child)});
        has_key_ = false;
      }
    }
    node->type = type;
    node->line = mark.line + 1;
    node->column = mark.column + 1;
    node->file_name = &document_->file_name;
    return node;
  }

  void Open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, NodeType type) {
    if (!CheckPlain(mark, tag, anchor)) return;
    if (ExpectsKey()) return Fail(mark, "a key must be a word, not a list or a mapping");
    if (open_.size() >= kMaxDepth) {
      return Fail(mark, absl::StrCat("nested deeper than ", kMaxDepth, " levels"));
    }
    if (Node* node = Add(mark, type); node != nullptr) open_.push_back(node);
  }

  void Close() {
    if (status_.ok() && !open_.empty()) open_.pop_back();
  }

  const std::string_view text_;
  Document* const document_;
  absl::Status status_;
  int documents_ = 0;
  size_t nodes_ = 0;
  std::vector<Node*> open_;
  // Of the entry whose value comes next.
  bool has_key_ = false;
  std::string key_;
  int key_line_ = 0;
  int key_column_ = 0;
};

// yaml-cpp guesses UTF-16 and UTF-32 and replaces what it cannot decode: only plain text reaches
// it.
absl::Status CheckText(std::string_view text, const std::string& file_name) {
  if (text.size() > kMaxDocumentBytes) {
    return ErrorIn(
        file_name, 1, 1,
        absl::StrCat("the file is ", text.size(), " bytes long, allowed are ", kMaxDocumentBytes));
  }
  if (text.starts_with("\xEF\xBB\xBF")) {
    return ErrorIn(file_name, 1, 1, "starts with a byte order mark: save it as UTF-8 without one");
  }
  int line = 1;
  size_t line_start = 0;
  for (size_t i = 0; i < text.size();) {
    const auto c = static_cast<uint8_t>(text[i]);
    const size_t length = Utf8Length(text.substr(i));
    if (length == 0 || (c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7F) {
      return ErrorIn(file_name, line, static_cast<int>(i - line_start) + 1,
                     "not UTF-8 text, or a control character");
    }
    i += length;
    if (c == '\n') {
      ++line;
      line_start = i;
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ErrorAt(const Node& node, int line, int column, std::string_view what) {
  const std::string path = PathOf(node);
  return ErrorIn(*node.file_name, line, column,
                 path.empty() ? std::string(what) : absl::StrCat(path, ": ", std::string(what)));
}

absl::StatusOr<std::shared_ptr<const Node>> BuildDocument(std::string_view text,
                                                          std::string_view file_name) {
  const auto document = std::make_shared<Document>();
  document->file_name = std::string(file_name);
  if (absl::Status status = CheckText(text, document->file_name); !status.ok()) return status;
  Builder builder(text, document.get());
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    while (builder.status().ok() && parser.HandleNextDocument(builder)) {
    }
  } catch (const YAML::Exception& error) {
    if (builder.status().ok()) {
      return ErrorIn(document->file_name, error.mark.line + 1, error.mark.column + 1, error.msg);
    }
  } catch (const std::exception& error) {
    return ErrorIn(document->file_name, 1, 1, absl::StrCat("not readable as YAML: ", error.what()));
  }
  if (!builder.status().ok()) return builder.status();
  if (builder.documents() == 0) return ErrorIn(document->file_name, 1, 1, "the file holds nothing");
  return std::shared_ptr<const Node>(document, &document->root);
}

}  // namespace bpa::yaml
