// File trees in memory: what FakeHost's filesystems are made of.
#ifndef BPA_TESTS_FAKES_FAKE_TREE_H_
#define BPA_TESTS_FAKES_FAKE_TREE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "agent/executor/host.h"

namespace bpa::executor {

struct FakeNode {
  FileType type = FileType::kDirectory;
  uint32_t mode = 0755;
  uint32_t uid = 0;
  uint32_t gid = 0;
  std::string content;  // of a file; of a symbolic link: its target
  std::map<std::string, std::shared_ptr<FakeNode>> children;
};

struct FakeFilesystem {
  uint64_t device = 0;
  std::string type;
  std::string uuid;
  std::string source;
  uint64_t bytes = 0;
  bool read_only = false;
  bool full = false;
  std::shared_ptr<FakeNode> root = std::make_shared<FakeNode>();
};

// One line for each entry below `node`, sorted: path, type, mode, owner, content.
std::string DescribeFakeTree(const FakeNode& node, const std::string& path);

// Entries, bytes and a digest that follows from all that DescribeFakeTree shows.
TreeSummary SummarizeFakeTree(const FakeNode& node);

// Copies what `to` lacks of `from`, at most `limit` entries; existing entries that differ are named
// in `conflicts` and left. With `write` false only counts.
struct FakeCopy {
  bool write = false;
  uint64_t limit = UINT64_MAX;
  Migration done;
};
void CopyFakeTree(const FakeNode& from, FakeNode& to, const std::string& path, FakeCopy& copy);

}  // namespace bpa::executor

#endif  // BPA_TESTS_FAKES_FAKE_TREE_H_
