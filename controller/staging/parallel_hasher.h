// Cuts and hashes files on several threads: small ones side by side, and the parts of a huge one.
#ifndef BPA_CONTROLLER_STAGING_PARALLEL_HASHER_H_
#define BPA_CONTROLLER_STAGING_PARALLEL_HASHER_H_

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controller/staging/file_cutter.h"
#include "controller/staging/source_tree.h"
#include "proto/manifest.h"

namespace bpa::controller {

// Holds the bytes of a few batches and the digests of some hundred: what is not taken stops it. Add
// and Take are for one thread.
class ParallelHasher {
 public:
  // `tree` and `stop` outlive it; `stop` set ends every file with Cancelled.
  ParallelHasher(const SourceTree& tree, int threads, const std::atomic<bool>& stop);
  ~ParallelHasher();

  // Begins with a file that is not empty.
  void Add(const std::string& path, const FileStamp& stamp);

  // The next segments of the oldest file, of which only `hole`, `length` and `digest` are set. True
  // when they were its last: then it is no longer there. Waits for them.
  absl::StatusOr<bool> Take(std::vector<ManifestSegment>* segments);

 private:
  struct Batch;
  struct File;
  using Lock = std::unique_lock<std::mutex>;

  void Work();
  std::vector<std::shared_ptr<File>> TakeFiles();
  absl::Status CutFile(File& file);
  bool HasRoom(const File& file) const;
  absl::Status AddBatch(File& file, std::unique_ptr<CutBatch> cut);
  void HashOne(Lock& lock);
  std::unique_ptr<CutBatch> TakeBuffer();
  void Finish(Batch& batch, Lock& lock);

  const SourceTree& tree_;
  const size_t max_queued_batches_;
  const std::atomic<bool>& stop_;

  std::mutex mutex_;
  // Something to do, something done, or the end.
  std::condition_variable changed_;
  bool ending_ = false;
  std::deque<std::shared_ptr<File>> files_;   // not taken yet
  std::deque<std::shared_ptr<File>> to_cut_;  // of these, not begun yet
  std::deque<std::shared_ptr<Batch>> to_hash_;
  size_t batches_ = 0;                              // of all files
  std::vector<std::unique_ptr<CutBatch>> buffers_;  // to be used again
  std::vector<std::thread> threads_;
};

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_STAGING_PARALLEL_HASHER_H_
