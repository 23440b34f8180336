// What a published tree looked like to stat(2): tells in a second that nobody has touched it.
#ifndef BPA_AGENT_EXECUTOR_PACKAGE_TREE_RECORD_H_
#define BPA_AGENT_EXECUTOR_PACKAGE_TREE_RECORD_H_

#include <sys/stat.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/executor/linux/paths.h"
#include "proto/sha256.h"

namespace bpa::executor {

// A tree's root, told from every other that was or will be: it keeps both through every rename, and
// a filesystem gives the number of a removed one to another soon.
struct RootId {
  uint64_t inode = 0;
  int64_t birth_seconds = 0;
  uint32_t birth_nanoseconds = 0;

  friend bool operator==(const RootId&, const RootId&) = default;
};
RootId RootIdOf(const struct statx& info);

// Of the whole tree.
struct TreeIdentity {
  bpa::Sha256 manifest{};
  uint64_t entries = 0;
  RootId root;
  uint32_t uid = 0;
  uint32_t gid = 0;
  std::string label;
};

// Of one entry. Content, mode or owner cannot be changed without the change time changing.
struct EntryStamp {
  uint64_t inode = 0;
  uint64_t size = 0;
  int64_t mtime_seconds = 0;
  int64_t ctime_seconds = 0;
  uint32_t mtime_nanoseconds = 0;
  uint32_t ctime_nanoseconds = 0;

  friend bool operator==(const EntryStamp&, const EntryStamp&) = default;
};
EntryStamp StampOf(const struct statx& info);

// Writes stamps in the manifest's order. The file is whole only after Finish.
class TreeRecordWriter {
 public:
  // `fd` is an empty file.
  TreeRecordWriter(FileDescriptor fd, const TreeIdentity& tree);
  absl::Status Add(const EntryStamp& stamp);
  absl::Status Finish();

 private:
  void Append(const void* bytes, size_t count);
  absl::Status Flush();

  FileDescriptor fd_;
  std::string buffer_;
  Sha256Hasher hasher_;
};

class TreeRecordReader {
 public:
  // DataLoss unless the file is whole (length and digest): what a crash has left.
  static absl::StatusOr<TreeRecordReader> Open(FileDescriptor fd);
  const TreeIdentity& tree() const { return tree_; }
  // As often as the tree has entries.
  absl::StatusOr<EntryStamp> Next();

 private:
  explicit TreeRecordReader(FileDescriptor fd) : fd_(std::move(fd)) {}

  FileDescriptor fd_;
  TreeIdentity tree_;
  uint64_t offset_ = 0;
  std::vector<EntryStamp> buffer_;
  size_t next_ = 0;
};

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_PACKAGE_TREE_RECORD_H_
