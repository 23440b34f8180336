#include "controller/staging/file_cutter.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "proto/read_at.h"

namespace bpa::controller {
namespace {

uint64_t BlockBegin(uint64_t offset) { return offset - offset % kZeroBlockBytes; }

bool IsAllZero(std::string_view bytes) {
  if (bytes.empty() || bytes.front() != 0) return bytes.empty();
  return std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0;
}

}  // namespace

absl::StatusOr<bool> FileCutter::Next(CutBatch* batch) {
  batch->pieces_.clear();
  bool at_end = false;
  // A batch may be nothing but a part of a long hole.
  while (batch->pieces_.empty() && !at_end) {
    std::memcpy(batch->bytes_.get(), carried_.data(), carried_.size());
    batch->size_ = carried_.size();
    run_begin_ = 0;
    if (absl::Status status = Fill(batch); !status.ok()) return status;
    at_end = position_ == stamp_.size;
    CutRun(batch, batch->size_, at_end);
    carried_.assign(batch->bytes_.get() + run_begin_, batch->size_ - run_begin_);
    if (at_end) FlushHole(batch);
  }
  if (!batch->pieces_.empty()) return true;
  if (absl::Status status = tree_.CheckUnchanged(fd_, stamp_, path_); !status.ok()) return status;
  return false;
}

// Reads until the batch is full or the file ends.
absl::Status FileCutter::Fill(CutBatch* batch) {
  while (position_ < stamp_.size && CutBatch::kCapacity - batch->size_ >= kZeroBlockBytes) {
    if (position_ >= data_end_) {
      const uint64_t before = position_;
      if (absl::Status status = FindData(); !status.ok()) return status;
      if (position_ > before) {
        CutRun(batch, batch->size_, /*run_ends=*/true);
        hole_ += position_ - before;
        continue;
      }
    }
    if (absl::Status status = ReadBlocks(batch); !status.ok()) return status;
  }
  return absl::OkStatus();
}

// Goes on to the first block with data that the filesystem knows of.
absl::Status FileCutter::FindData() {
  const off_t data = lseek(fd_, static_cast<off_t>(position_), SEEK_DATA);
  if (data < 0 && errno == ENXIO) {
    position_ = stamp_.size;
    return absl::OkStatus();
  }
  if (data < 0) return tree_.Error(errno, "lseek", path_);
  const off_t hole = lseek(fd_, data, SEEK_HOLE);
  // ENXIO: cut off meanwhile.
  if (hole < 0) return tree_.Error(errno, "lseek", path_);
  position_ = std::max(position_, BlockBegin(static_cast<uint64_t>(data)));
  data_end_ = std::min(static_cast<uint64_t>(hole), stamp_.size);
  return absl::OkStatus();
}

absl::Status FileCutter::ReadBlocks(CutBatch* batch) {
  const uint64_t end = std::min(BlockBegin(data_end_ + kZeroBlockBytes - 1), stamp_.size);
  const size_t room = BlockBegin(CutBatch::kCapacity - batch->size_);
  const auto wanted = static_cast<size_t>(std::min<uint64_t>(room, end - position_));
  const size_t begin = batch->size_;
  const ssize_t got = ReadAt(fd_, batch->bytes_.get() + begin, wanted, position_);
  if (got < 0) return tree_.Error(errno, "read", path_);
  if (static_cast<size_t>(got) < wanted) return tree_.Changed(path_);
  batch->size_ += wanted;
  position_ += wanted;
  for (size_t done = 0; done < wanted; done += kZeroBlockBytes) {
    AddBlock(batch, begin + done, std::min(kZeroBlockBytes, wanted - done));
  }
  return absl::OkStatus();
}

void FileCutter::AddBlock(CutBatch* batch, size_t at, size_t length) {
  if (IsAllZero({batch->bytes_.get() + at, length})) {
    CutRun(batch, at, /*run_ends=*/true);
    hole_ += length;
    run_begin_ = at + length;
  } else {
    FlushHole(batch);
  }
}

// Cuts data up to `end`; what is less than the largest chunk waits for more, unless the run ends.
void FileCutter::CutRun(CutBatch* batch, size_t end, bool run_ends) {
  while (run_begin_ < end && (run_ends || end - run_begin_ >= kChunkSizes.largest)) {
    const size_t length =
        FirstPiece({batch->bytes_.get() + run_begin_, end - run_begin_}, kChunkSizes);
    batch->pieces_.push_back({.length = length, .at = run_begin_});
    run_begin_ += length;
  }
}

// A hole is a piece when it is known how far it goes.
void FileCutter::FlushHole(CutBatch* batch) {
  if (hole_ == 0) return;
  batch->pieces_.push_back({.hole = true, .length = hole_});
  hole_ = 0;
}

}  // namespace bpa::controller
