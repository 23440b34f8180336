// Takes over content that is on the same filesystem already.
#ifndef BPA_AGENT_EXECUTOR_PACKAGE_COPY_RANGE_H_
#define BPA_AGENT_EXECUTOR_PACKAGE_COPY_RANGE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace bpa::executor {

struct CopyRange {
  uint64_t from = 0;
  uint64_t to = 0;
  uint64_t length = 0;
};

// For one filesystem and one thread.
class RangeCopier {
 public:
  // Shares the blocks where the filesystem can and the range is aligned, else copies through a
  // buffer: where copy_file_range(2) cannot share, it is no faster (a pipe, page by page).
  // A source that is shorter than it should be, or cannot be read, leaves the rest unwritten, which
  // is no failure: whoever copies compares afterwards. `shown` is the target.
  absl::Status Copy(int from, int to, const CopyRange& range, const std::string& shown);

  // Bytes whose blocks are shared: they took no room.
  uint64_t shared_bytes() const { return shared_bytes_; }

 private:
  bool Share(int from, int to, const CopyRange& range);
  absl::Status CopyBytes(int from, int to, CopyRange range, const std::string& shown);

  bool can_share_ = true;
  std::vector<char> buffer_;
  uint64_t shared_bytes_ = 0;
};

// Whether files in the open directory can share blocks. Leaves nothing behind.
absl::StatusOr<bool> CanShareBlocks(int directory, const std::string& shown);

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_PACKAGE_COPY_RANGE_H_
