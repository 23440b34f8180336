#include "controller/staging/parallel_hasher.h"

#include <utility>

#include "proto/sha256.h"

namespace bpa::controller {
namespace {

// Of all files together; the oldest may always have some.
constexpr size_t kMaxBatchesAhead = 1024;
constexpr size_t kMaxBatchesOfOldest = 64;
// Files are handed out in bunches: waking a thread for each of 100,000 would cost more than them.
constexpr size_t kBunchFiles = 32;
constexpr uint64_t kBunchBytes = 1024 * 1024;

std::vector<ManifestSegment> Hash(const CutBatch& cut) {
  Sha256Hasher hasher;
  std::vector<ManifestSegment> segments;
  segments.reserve(cut.pieces().size());
  for (const CutBatch::Piece& piece : cut.pieces()) {
    ManifestSegment segment{.hole = piece.hole, .length = piece.length};
    if (!piece.hole) segment.digest = hasher.Of(cut.BytesOf(piece));
    segments.push_back(segment);
  }
  return segments;
}

}  // namespace

struct ParallelHasher::Batch {
  std::unique_ptr<CutBatch> cut;  // until it is hashed
  std::vector<ManifestSegment> segments;
  bool done = false;
};

struct ParallelHasher::File {
  std::string path;
  FileStamp stamp;
  std::deque<std::shared_ptr<Batch>> batches;  // in order, not taken yet
  bool cut = false;                            // there will be no more batches
  absl::Status status;                         // why it ended, once `cut`
};

ParallelHasher::ParallelHasher(const SourceTree& tree, int threads, const std::atomic<bool>& stop)
    : tree_(tree), max_queued_batches_(2 * static_cast<size_t>(threads)), stop_(stop) {
  for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { Work(); });
}

ParallelHasher::~ParallelHasher() {
  {
    const Lock lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void ParallelHasher::Add(const std::string& path, const FileStamp& stamp) {
  auto file = std::make_shared<File>();
  file->path = path;
  file->stamp = stamp;
  const Lock lock(mutex_);
  files_.push_back(file);
  to_cut_.push_back(std::move(file));
  // A bunch is worth waking somebody for; a single file is, when it is waited for (Take).
  if (to_cut_.size() >= kBunchFiles || stamp.size >= kBunchBytes) changed_.notify_all();
}

absl::StatusOr<bool> ParallelHasher::Take(std::vector<ManifestSegment>* segments) {
  segments->clear();
  Lock lock(mutex_);
  const std::shared_ptr<File> file = files_.front();
  changed_.notify_all();
  changed_.wait(lock,
                [&] { return file->batches.empty() ? file->cut : file->batches.front()->done; });
  while (!file->batches.empty() && file->batches.front()->done) {
    const std::vector<ManifestSegment>& done = file->batches.front()->segments;
    segments->insert(segments->end(), done.begin(), done.end());
    file->batches.pop_front();
    --batches_;
  }
  if (!file->cut || !file->batches.empty()) {
    changed_.notify_all();  // its cutter may have waited for room
    return false;
  }
  files_.pop_front();
  if (!file->status.ok()) return file->status;
  return true;
}

void ParallelHasher::Work() {
  Lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return ending_ || !to_hash_.empty() || !to_cut_.empty(); });
    if (ending_) return;
    if (!to_hash_.empty()) {
      HashOne(lock);
      continue;
    }
    const std::vector<std::shared_ptr<File>> files = TakeFiles();
    lock.unlock();
    std::vector<absl::Status> results;
    results.reserve(files.size());
    for (const auto& file : files) results.push_back(CutFile(*file));
    lock.lock();
    for (size_t i = 0; i < files.size(); ++i) {
      files[i]->status = std::move(results[i]);
      files[i]->cut = true;
    }
    changed_.notify_all();
  }
}

// The oldest file that nobody has begun with, and small ones that follow it.
std::vector<std::shared_ptr<ParallelHasher::File>> ParallelHasher::TakeFiles() {
  std::vector<std::shared_ptr<File>> files;
  uint64_t bytes = 0;
  while (!to_cut_.empty() && files.size() < kBunchFiles) {
    bytes += to_cut_.front()->stamp.size;
    if (!files.empty() && bytes > kBunchBytes) break;
    files.push_back(std::move(to_cut_.front()));
    to_cut_.pop_front();
  }
  return files;
}

absl::Status ParallelHasher::CutFile(File& file) {
  const absl::StatusOr<OwnedFd> fd = tree_.OpenFile(file.path);
  if (!fd.ok()) return fd.status();
  absl::Status status = tree_.CheckUnchanged(fd->get(), file.stamp, file.path);
  if (!status.ok()) return status;
  FileCutter cutter(tree_, file.path, fd->get(), file.stamp);
  for (;;) {
    if (stop_) return absl::CancelledError("interrupted");
    std::unique_ptr<CutBatch> cut = TakeBuffer();
    const absl::StatusOr<bool> more = cutter.Next(cut.get());
    if (!more.ok()) return more.status();
    if (!*more) {
      const Lock lock(mutex_);
      buffers_.push_back(std::move(cut));
      return absl::OkStatus();
    }
    status = AddBatch(file, std::move(cut));
    if (!status.ok()) return status;
  }
}

bool ParallelHasher::HasRoom(const File& file) const {
  if (files_.front().get() == &file && file.batches.size() < kMaxBatchesOfOldest) return true;
  return batches_ < kMaxBatchesAhead;
}

absl::Status ParallelHasher::AddBatch(File& file, std::unique_ptr<CutBatch> cut) {
  auto batch = std::make_shared<Batch>();
  batch->cut = std::move(cut);
  const bool is_small = file.stamp.size < kBunchBytes;
  Lock lock(mutex_);
  // Whoever waits hashes meanwhile, so that somebody always gets on.
  while (!HasRoom(file) && !ending_) {
    if (to_hash_.empty()) {
      changed_.wait(lock);
    } else {
      HashOne(lock);
    }
  }
  if (ending_) return absl::CancelledError("interrupted");
  file.batches.push_back(batch);
  ++batches_;
  if (!is_small && to_hash_.size() < max_queued_batches_) {
    to_hash_.push_back(std::move(batch));
  } else {
    Finish(*batch, lock);
  }
  // Of a small file they hear with its bunch.
  if (!is_small) changed_.notify_all();
  return absl::OkStatus();
}

void ParallelHasher::HashOne(Lock& lock) {
  const std::shared_ptr<Batch> batch = std::move(to_hash_.front());
  to_hash_.pop_front();
  Finish(*batch, lock);
  changed_.notify_all();
}

// Hashes without the lock.
void ParallelHasher::Finish(Batch& batch, Lock& lock) {
  lock.unlock();
  std::vector<ManifestSegment> segments = Hash(*batch.cut);
  lock.lock();
  buffers_.push_back(std::move(batch.cut));
  batch.segments = std::move(segments);
  batch.done = true;
}

std::unique_ptr<CutBatch> ParallelHasher::TakeBuffer() {
  const Lock lock(mutex_);
  if (buffers_.empty()) return std::make_unique<CutBatch>();
  std::unique_ptr<CutBatch> buffer = std::move(buffers_.back());
  buffers_.pop_back();
  return buffer;
}

}  // namespace bpa::controller
