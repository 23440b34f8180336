#include "agent/executor/package/copy_range.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>

#include "agent/executor/linux/paths.h"
#include "agent/executor/package/tree_builder.h"
#include "proto/read_at.h"

namespace bpa::executor {
namespace {

constexpr size_t kBufferBytes = 256 * 1024;
// A multiple of every block size that a mountable filesystem has here.
constexpr uint64_t kAlignment = 4096;

}  // namespace

absl::Status RangeCopier::Copy(int from, int to, const CopyRange& range, const std::string& shown) {
  const bool alike = range.from % kAlignment == range.to % kAlignment;
  if (!can_share_ || !alike) return CopyBytes(from, to, range, shown);
  // The ends of files need no alignment, as long as the target does not go on beyond.
  struct stat source = {}, target = {};
  const bool to_the_end = fstat(from, &source) == 0 && fstat(to, &target) == 0 &&
                          range.from + range.length == static_cast<uint64_t>(source.st_size) &&
                          range.to + range.length >= static_cast<uint64_t>(target.st_size);
  const uint64_t head = std::min(range.length, (kAlignment - range.from % kAlignment) % kAlignment);
  const uint64_t rest = range.length - head;
  const uint64_t middle = to_the_end ? rest : rest - rest % kAlignment;
  if (middle == 0 || !Share(from, to, {range.from + head, range.to + head, middle})) {
    return CopyBytes(from, to, range, shown);
  }
  absl::Status copied = CopyBytes(from, to, {range.from, range.to, head}, shown);
  if (!copied.ok()) return copied;
  return CopyBytes(from, to, {range.from + head + middle, range.to + head + middle, rest - middle},
                   shown);
}

bool RangeCopier::Share(int from, int to, const CopyRange& range) {
  file_clone_range clone = {};
  clone.src_fd = from;
  clone.src_offset = range.from;
  clone.src_length = range.length;
  clone.dest_offset = range.to;
  if (ioctl(to, FICLONERANGE, &clone) == 0) {
    shared_bytes_ += range.length;
    return true;
  }
  if (errno == EOPNOTSUPP || errno == ENOTTY) can_share_ = false;
  return false;
}

absl::Status RangeCopier::CopyBytes(int from, int to, CopyRange range, const std::string& shown) {
  buffer_.resize(kBufferBytes);
  while (range.length > 0) {
    const ssize_t got =
        ReadAt(from, buffer_.data(), std::min<uint64_t>(kBufferBytes, range.length), range.from);
    if (got <= 0) return absl::OkStatus();
    const auto count = static_cast<size_t>(got);
    absl::Status written = WriteAt(to, std::string_view(buffer_.data(), count), range.to, shown);
    if (!written.ok()) return written;
    range = {range.from + count, range.to + count, range.length - count};
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> CanShareBlocks(int directory, const std::string& shown) {
  const auto make = [&] {
    return FileDescriptor(openat(directory, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  };
  const FileDescriptor from = make(), to = make();
  // A filesystem without nameless files has no shared blocks either.
  if (!from.valid() || !to.valid()) return false;
  const std::string block(kAlignment, 'x');
  if (absl::Status s = WriteAt(from.get(), block, 0, shown); !s.ok()) return s;
  return ioctl(to.get(), FICLONE, from.get()) == 0;
}

}  // namespace bpa::executor
