#include "tests/fakes/fake_tree.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "agent/executor/digest.h"

namespace bpa::executor {
namespace {

void Count(const FakeNode& node, TreeSummary& summary) {
  for (const auto& [name, child] : node.children) {
    ++summary.entries;
    if (child->type == FileType::kRegular) summary.bytes += child->content.size();
    Count(*child, summary);
  }
}

char TypeLetter(FileType type) {
  switch (type) {
    case FileType::kRegular:
      return '-';
    case FileType::kDirectory:
      return 'd';
    case FileType::kSymlink:
      return 'l';
    case FileType::kOther:
      return 'c';
  }
  return '?';
}

bool Alike(const FakeNode& a, const FakeNode& b) {
  return a.type == b.type && a.mode == b.mode && a.uid == b.uid && a.gid == b.gid &&
         a.content == b.content;
}

}  // namespace

std::string DescribeFakeTree(const FakeNode& node, const std::string& path) {
  std::string text =
      absl::StrFormat("%c%04o %d:%d %s %s\n", TypeLetter(node.type), node.mode, node.uid, node.gid,
                      path.empty() ? "/" : path, absl::CHexEscape(node.content));
  for (const auto& [name, child] : node.children) {
    text += DescribeFakeTree(*child, absl::StrCat(path, "/", name));
  }
  return text;
}

TreeSummary SummarizeFakeTree(const FakeNode& node) {
  TreeSummary summary;
  Count(node, summary);
  std::string listing;
  for (const auto& [name, child] : node.children) listing += DescribeFakeTree(*child, name);
  summary.digest = Sha256(listing);
  return summary;
}

void CopyFakeTree(const FakeNode& from, FakeNode& to, const std::string& path, FakeCopy& copy) {
  for (const auto& [name, child] : from.children) {
    const std::string where = path.empty() ? name : absl::StrCat(path, "/", name);
    const auto there = to.children.find(name);
    if (there != to.children.end()) {
      if (!Alike(*child, *there->second)) {
        copy.done.conflicts.push_back(where);
      } else {
        CopyFakeTree(*child, *there->second, where, copy);
      }
      continue;
    }
    if (copy.done.entries >= copy.limit) return;
    ++copy.done.entries;
    copy.done.bytes += child->type == FileType::kRegular ? child->content.size() : 0;
    const auto made = std::make_shared<FakeNode>(*child);
    made->children.clear();
    if (copy.write) to.children[name] = made;
    CopyFakeTree(*child, *made, where, copy);
  }
}

}  // namespace bpa::executor
