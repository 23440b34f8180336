// Copies a tree onto a volume so that no name ever stands for less than the whole file.
#ifndef BPA_AGENT_EXECUTOR_LINUX_STAGED_COPY_H_
#define BPA_AGENT_EXECUTOR_LINUX_STAGED_COPY_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "agent/executor/linux/tree_walk.h"

namespace bpa::executor {

// Each entry is made, with all its attributes, in the staging directory under a number, and gets
// its name by rename(2) only after syncfs(2) has put its contents on the disk; files in batches,
// so that syncing costs little. What already has its name on the volume is skipped.
//
// Use: WalkTree(source, ..., copy), then Finish.
class StagedCopy final : public TreeVisitor {
 public:
  // Descriptors of the volume's root and of an empty staging directory on it; `shown` is the
  // source's path.
  StagedCopy(int volume, int staging, const std::string& shown)
      : volume_(volume), staging_(staging), shown_(shown) {}

  absl::Status Visit(const TreeEntry& entry) override;
  absl::Status Leave(const TreeEntry&) override { return absl::OkStatus(); }
  // Gives the last batch its names. Times of directories are yet to be set: SetDirectoryTimes.
  absl::Status Finish() { return PublishBatch(); }

 private:
  struct Pending {
    std::string staged;  // empty: another name of the file `linked_to`
    std::string linked_to;
    std::string path;
  };

  absl::Status Copy(const TreeEntry& entry, const std::string& shown);
  absl::Status MakeStaged(const TreeEntry& entry, int from, const std::string& staged,
                          const std::string& shown);
  absl::Status Publish(const Pending& pending);
  absl::Status PublishBatch();

  const int volume_;
  const int staging_;
  const std::string& shown_;
  uint64_t next_ = 0;
  std::vector<Pending> batch_;
  uint64_t batch_bytes_ = 0;
  std::map<uint64_t, std::string> links_;  // inode of a file with several names to its first one
};

// Gives each directory on the volume that the source has too the source's times.
absl::Status SetDirectoryTimes(int source, int volume, const std::string& shown);

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_LINUX_STAGED_COPY_H_
