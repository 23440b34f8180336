// One file's content in order: data in chunks, and zeros as holes.
#ifndef BPA_CONTROLLER_STAGING_FILE_CUTTER_H_
#define BPA_CONTROLLER_STAGING_FILE_CUTTER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controller/staging/source_tree.h"
#include "proto/chunker.h"

namespace bpa::controller {

inline constexpr CutSizes kChunkSizes = {
    .min = 8 * 1024, .average_bits = 15, .largest = 128 * 1024};
// Zeros are told from content in blocks of this size, aligned in their file.
inline constexpr size_t kZeroBlockBytes = 64 * 1024;

// A part of a file: the bytes that were read, and where they are cut.
class CutBatch {
 public:
  static constexpr size_t kCapacity = 512 * 1024 + kChunkSizes.largest;

  struct Piece {
    bool hole = false;
    uint64_t length = 0;
    size_t at = 0;  // data: where in the batch
  };

  CutBatch() : bytes_(std::make_unique_for_overwrite<char[]>(kCapacity)) {}

  const std::vector<Piece>& pieces() const { return pieces_; }
  std::string_view BytesOf(const Piece& piece) const {
    return {bytes_.get() + piece.at, piece.length};
  }

 private:
  friend class FileCutter;
  std::unique_ptr<char[]> bytes_;
  size_t size_ = 0;
  std::vector<Piece> pieces_;
};

// Blocks of kZeroBlockBytes that are all zero become holes, whether or not the filesystem has them
// as holes; those that it has are not read. For one thread.
class FileCutter {
 public:
  // An open file that is as `stamp` says. All outlive it.
  FileCutter(const SourceTree& tree, const std::string& path, int fd, const FileStamp& stamp)
      : tree_(tree), path_(path), fd_(fd), stamp_(stamp) {}

  // The next pieces; false when there are none left and the file has not changed meanwhile. Aborted
  // names a file that has.
  absl::StatusOr<bool> Next(CutBatch* batch);

 private:
  absl::Status Fill(CutBatch* batch);
  absl::Status FindData();
  absl::Status ReadBlocks(CutBatch* batch);
  void AddBlock(CutBatch* batch, size_t at, size_t length);
  void CutRun(CutBatch* batch, size_t end, bool run_ends);
  void FlushHole(CutBatch* batch);

  const SourceTree& tree_;
  const std::string& path_;
  const int fd_;
  const FileStamp& stamp_;

  uint64_t position_ = 0;  // what is before it was read or is a hole
  uint64_t data_end_ = 0;  // up to here the filesystem has data
  uint64_t hole_ = 0;      // zeros before position_ that no piece has yet
  size_t run_begin_ = 0;   // in the batch: data that is not cut yet
  std::string carried_;    // such data, on its way to the next batch
};

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_STAGING_FILE_CUTTER_H_
