// Takes what the node has already into a new tree.
#ifndef BPA_AGENT_EXECUTOR_PACKAGE_REUSE_H_
#define BPA_AGENT_EXECUTOR_PACKAGE_REUSE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/executor/package/assembly.h"
#include "agent/executor/package/chunk_index.h"
#include "agent/executor/package/copy_range.h"

namespace bpa::executor {

// What a tree lacks.
struct Lack {
  uint64_t bytes = 0;     // of chunks that are not good
  uint64_t reusable = 0;  // of those, what is elsewhere on this node or earlier in this tree
  uint64_t room = 0;      // `bytes` in whole blocks
};

// For one thread.
class Reuse {
 public:
  // `chunks`: of the manifest. `assembly` must outlive it.
  Reuse(Assembly& assembly, uint64_t chunks);

  // Where there is other content than what is being received: the published tree, the kept one,
  // one that was abandoned. Those that are not there are left out.
  absl::Status FindTrees();
  // Learns what the manifest wants; a manifest that is malformed shows here.
  absl::Status ReadWanted();
  // Where which content is; and, in the assembly, what repeats in this tree.
  absl::StatusOr<Lack> Index();

  // Copies what the other trees have, and checks it: what is not what it should be remains wanted.
  absl::Status CopyFromOthers();
  // Copies what the tree has elsewhere itself, once that is good.
  absl::Status CopyRepeated();

 private:
  struct Tree {
    FileDescriptor root;
    FileDescriptor manifest;
    std::string shown;
  };
  // One stretch of a file, copied at once.
  struct Run {
    int tree = -1;
    std::string path;
    CopyRange range;
    std::vector<ManifestSegment> segments;
  };

  absl::Status AddTree(const std::string& tree, const std::string& record);
  absl::Status AddPublished();
  absl::Status MakeIndex();
  absl::Status IndexTree(int number);
  absl::Status IndexSegment(const ManifestEntry& entry, const ManifestSegment& segment, Lack& lack);
  absl::Status CopyFile(const ManifestEntry& entry, ManifestReader& reader, bool repeated);
  absl::Status Extend(Run& run, const ManifestSegment& segment, const ChunkLocation& location,
                      const std::shared_ptr<const CheckedFile>& file);
  absl::Status CopyRun(Run& run, const std::shared_ptr<const CheckedFile>& file);
  // Of the file that was asked for last; not valid if it cannot be read.
  int Source(int tree, const std::string& path);

  Assembly& assembly_;
  DigestFilter wanted_, twice_;
  bool any_twice_ = false;
  std::vector<Tree> trees_;
  std::optional<ChunkIndex> index_;  // none when there is nothing to find
  RangeCopier copier_;
  FileDescriptor source_;
  int source_tree_ = -1;
  std::string source_path_;
};

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_PACKAGE_REUSE_H_
