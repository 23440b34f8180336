// Makes the entries of a tree that nobody else can reach yet.
#ifndef BPA_AGENT_EXECUTOR_PACKAGE_TREE_BUILDER_H_
#define BPA_AGENT_EXECUTOR_PACKAGE_TREE_BUILDER_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/executor/linux/paths.h"
#include "agent/executor/package/directory_cursor.h"
#include "proto/manifest.h"

namespace bpa::executor {

// Owner, mode and times of what exists; symbolic links have no mode.
absl::Status SetAttributes(const EntryPlace& place, const ManifestEntry& entry, uint32_t uid,
                           uint32_t gid, const std::string& shown);

// All of `bytes` at `offset`.
absl::Status WriteAt(int fd, std::string_view bytes, uint64_t offset, const std::string& shown);

class TreeBuilder {
 public:
  // `root` is the tree's, open, and stays the caller's; everything gets this owner in the end.
  TreeBuilder(int root, const std::string& shown, uint32_t uid, uint32_t gid)
      : cursor_(root, shown), uid_(uid), gid_(gid) {}

  // A directory (mode 0700 until it is finished) or a symbolic link; one that is there serves.
  absl::Status Make(const ManifestEntry& entry);
  // Makes the file (mode 0600, empty) or opens the one that is there.
  absl::StatusOr<FileDescriptor> OpenFile(const ManifestEntry& entry);
  // When the last byte is written: size, owner, mode and times.
  absl::Status FinishFile(int fd, const ManifestEntry& entry);
  // As FinishFile, of a file that may have come about earlier, and need not be opened then.
  absl::Status FinishUnopened(const ManifestEntry& entry);
  std::string Shown(const ManifestEntry& entry) const { return cursor_.Shown(entry.path); }

 private:
  DirectoryCursor cursor_;
  const uint32_t uid_;
  const uint32_t gid_;
};

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_PACKAGE_TREE_BUILDER_H_
