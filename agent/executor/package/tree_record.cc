#include "agent/executor/package/tree_record.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <type_traits>
#include <utility>

#include "proto/limits.h"
#include "proto/trusted_file.h"

namespace bpa::executor {
namespace {

constexpr char kMagic[8] = {'B', 'P', 'A', 'S', 'T', 'A', 'T', '1'};
constexpr size_t kBufferedStamps = 1024;
constexpr char kShown[] = "stat record";

// As it lies in the file, in this machine's byte order: the file never leaves it.
struct Head {
  char magic[8];
  uint64_t entries;
  uint64_t root_inode;
  int64_t birth_seconds;
  uint32_t birth_nanoseconds;
  uint32_t uid;
  uint32_t gid;
  uint32_t label_bytes;
  bpa::Sha256 manifest;
  char label[kMaxPackageLabelBytes];
};
static_assert(std::is_trivially_copyable_v<Head> && sizeof(Head) == 80 + kMaxPackageLabelBytes);
static_assert(std::is_trivially_copyable_v<EntryStamp> && sizeof(EntryStamp) == 40);

absl::Status Damaged() {
  return absl::DataLossError("the stat record is not whole: a crash has left it");
}

// All of `count` bytes, or false at the end of the file.
absl::StatusOr<bool> ReadAt(int fd, void* bytes, size_t count, uint64_t offset) {
  size_t have = 0;
  while (have < count) {
    const ssize_t got = pread(fd, static_cast<char*>(bytes) + have, count - have,
                              static_cast<off_t>(offset + have));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoStatus(errno, "pread", kShown);
    if (got == 0) return false;
    have += static_cast<size_t>(got);
  }
  return true;
}

absl::StatusOr<bpa::Sha256> DigestOfFirst(int fd, uint64_t bytes) {
  Sha256Hasher hasher;
  std::vector<char> buffer(64 * 1024);
  for (uint64_t offset = 0; offset < bytes;) {
    const size_t count = std::min<uint64_t>(buffer.size(), bytes - offset);
    const absl::StatusOr<bool> read = ReadAt(fd, buffer.data(), count, offset);
    if (!read.ok()) return read.status();
    if (!*read) return Damaged();
    hasher.Update(std::string_view(buffer.data(), count));
    offset += count;
  }
  return hasher.Finish();
}

}  // namespace

RootId RootIdOf(const struct statx& info) {
  return {.inode = info.stx_ino,
          .birth_seconds = info.stx_btime.tv_sec,
          .birth_nanoseconds = info.stx_btime.tv_nsec};
}

EntryStamp StampOf(const struct statx& info) {
  return {.inode = info.stx_ino,
          .size = info.stx_size,
          .mtime_seconds = info.stx_mtime.tv_sec,
          .ctime_seconds = info.stx_ctime.tv_sec,
          .mtime_nanoseconds = info.stx_mtime.tv_nsec,
          .ctime_nanoseconds = info.stx_ctime.tv_nsec};
}

TreeRecordWriter::TreeRecordWriter(FileDescriptor fd, const TreeIdentity& tree)
    : fd_(std::move(fd)) {
  Head head = {};
  std::copy(std::begin(kMagic), std::end(kMagic), head.magic);
  head.entries = tree.entries;
  head.root_inode = tree.root.inode;
  head.birth_seconds = tree.root.birth_seconds;
  head.birth_nanoseconds = tree.root.birth_nanoseconds;
  head.uid = tree.uid;
  head.gid = tree.gid;
  head.label_bytes = static_cast<uint32_t>(std::min(tree.label.size(), sizeof head.label));
  head.manifest = tree.manifest;
  tree.label.copy(head.label, head.label_bytes);
  Append(&head, sizeof head);
}

void TreeRecordWriter::Append(const void* bytes, size_t count) {
  buffer_.append(static_cast<const char*>(bytes), count);
}

absl::Status TreeRecordWriter::Add(const EntryStamp& stamp) {
  Append(&stamp, sizeof stamp);
  return buffer_.size() < kBufferedStamps * sizeof stamp ? absl::OkStatus() : Flush();
}

absl::Status TreeRecordWriter::Flush() {
  hasher_.Update(buffer_);
  std::string_view left = buffer_;
  while (!left.empty()) {
    const ssize_t put = write(fd_.get(), left.data(), left.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return ErrnoStatus(errno, "write", kShown);
    left.remove_prefix(static_cast<size_t>(put));
  }
  buffer_.clear();
  return absl::OkStatus();
}

absl::Status TreeRecordWriter::Finish() {
  if (absl::Status s = Flush(); !s.ok()) return s;
  const bpa::Sha256 digest = hasher_.Finish();
  Append(digest.data(), digest.size());
  return Flush();
}

absl::StatusOr<TreeRecordReader> TreeRecordReader::Open(FileDescriptor fd) {
  TreeRecordReader reader(std::move(fd));
  const int file = reader.fd_.get();
  Head head = {};
  absl::StatusOr<bool> read = ReadAt(file, &head, sizeof head, 0);
  if (!read.ok()) return read.status();
  if (!*read || !std::equal(std::begin(kMagic), std::end(kMagic), head.magic) ||
      head.entries > kMaxPackageEntries || head.label_bytes > sizeof head.label) {
    return Damaged();
  }
  const uint64_t bytes = sizeof head + head.entries * sizeof(EntryStamp);
  const absl::StatusOr<bpa::Sha256> digest = DigestOfFirst(file, bytes);
  if (!digest.ok()) return digest.status();
  bpa::Sha256 stored;
  read = ReadAt(file, stored.data(), stored.size(), bytes);
  if (!read.ok()) return read.status();
  if (!*read || stored != *digest) return Damaged();
  reader.tree_ = {.manifest = head.manifest,
                  .entries = head.entries,
                  .root = {head.root_inode, head.birth_seconds, head.birth_nanoseconds},
                  .uid = head.uid,
                  .gid = head.gid,
                  .label = std::string(head.label, head.label_bytes)};
  reader.offset_ = sizeof head;
  return reader;
}

absl::StatusOr<EntryStamp> TreeRecordReader::Next() {
  if (next_ == buffer_.size()) {
    const uint64_t end = sizeof(Head) + tree_.entries * sizeof(EntryStamp);
    const uint64_t left = (end - offset_) / sizeof(EntryStamp);
    if (left == 0) return Damaged();
    buffer_.resize(std::min<uint64_t>(left, kBufferedStamps));
    const size_t bytes = buffer_.size() * sizeof(EntryStamp);
    const absl::StatusOr<bool> read = ReadAt(fd_.get(), buffer_.data(), bytes, offset_);
    if (!read.ok()) return read.status();
    if (!*read) return Damaged();
    offset_ += bytes;
    next_ = 0;
  }
  return buffer_[next_++];
}

}  // namespace bpa::executor
