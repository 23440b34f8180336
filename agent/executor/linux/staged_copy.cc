#include "agent/executor/linux/staged_copy.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "agent/executor/linux/attributes.h"
#include "agent/executor/linux/paths.h"
#include "agent/executor/linux/same_entry.h"
#include "proto/trusted_file.h"

namespace bpa::executor {
namespace {

constexpr size_t kBatchEntries = 1024;
constexpr uint64_t kBatchBytes = uint64_t{256} << 20;
constexpr size_t kChunk = size_t{256} << 10;

absl::Status CopyRange(int from, int to, off_t offset, off_t end, const std::string& shown) {
  std::vector<char> buffer(kChunk);
  while (offset < end) {
    const size_t want = static_cast<size_t>(std::min<off_t>(end - offset, kChunk));
    const ssize_t count = pread(from, buffer.data(), want, offset);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return ErrnoStatus(errno, "pread", shown);
    if (count == 0) return absl::OkStatus();  // it shrank; the comparison will tell
    for (ssize_t done = 0; done < count;) {
      const ssize_t written =
          pwrite(to, buffer.data() + done, static_cast<size_t>(count - done), offset + done);
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return ErrnoStatus(errno, "pwrite the volume's copy of", shown);
      done += written;
    }
    offset += count;
  }
  return absl::OkStatus();
}

// Holes stay holes.
absl::Status CopyContents(int from, int to, off_t size, const std::string& shown) {
  if (ftruncate(to, size) != 0) return ErrnoStatus(errno, "ftruncate the volume's copy of", shown);
  for (off_t end = 0; end < size;) {
    const off_t start = lseek(from, end, SEEK_DATA);
    if (start < 0 && errno == ENXIO) return absl::OkStatus();  // only a hole is left
    if (start < 0) return ErrnoStatus(errno, "lseek SEEK_DATA", shown);
    end = lseek(from, start, SEEK_HOLE);
    if (end < 0) return ErrnoStatus(errno, "lseek SEEK_HOLE", shown);
    end = std::min(end, size);
    if (absl::Status s = CopyRange(from, to, start, end, shown); !s.ok()) return s;
  }
  return absl::OkStatus();
}

absl::StatusOr<FileDescriptor> MakeFile(int staging, const std::string& staged, int from,
                                        off_t size, const std::string& shown) {
  absl::StatusOr<FileDescriptor> to =
      OpenBelow(staging, staged, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, shown, 0600);
  if (!to.ok()) return to;
  if (absl::Status s = CopyContents(from, to->get(), size, shown); !s.ok()) return s;
  return to;
}

// Everything that has no contents of its own to be copied.
absl::Status MakeNode(int staging, const std::string& staged, int from, const struct statx& info,
                      const std::string& shown) {
  int result = 0;
  if (S_ISDIR(info.stx_mode)) {
    result = mkdirat(staging, staged.c_str(), 0700);
  } else if (S_ISLNK(info.stx_mode)) {
    absl::StatusOr<std::string> target = LinkTarget(from, shown);
    if (!target.ok()) return target.status();
    result = symlinkat(target->c_str(), staging, staged.c_str());
  } else {
    result = mknodat(staging, staged.c_str(), (info.stx_mode & S_IFMT) | 0600,
                     makedev(info.stx_rdev_major, info.stx_rdev_minor));
  }
  return result == 0 ? absl::OkStatus() : ErrnoStatus(errno, "make the volume's copy of", shown);
}

// The directory on the volume that holds `path`, and the last component.
absl::StatusOr<ParentDirectory> VolumeParent(int volume, const std::string& path) {
  const size_t slash = path.rfind('/');
  ParentDirectory parent;
  parent.path = slash == std::string::npos ? "." : path.substr(0, slash);
  parent.name = slash == std::string::npos ? path : path.substr(slash + 1);
  absl::StatusOr<FileDescriptor> fd =
      OpenBelow(volume, parent.path, O_PATH | O_DIRECTORY, "the volume's " + parent.path);
  if (!fd.ok()) return fd.status();
  parent.directory = *std::move(fd);
  return parent;
}

class DirectoryTimes final : public TreeVisitor {
 public:
  DirectoryTimes(int volume, const std::string& shown) : volume_(volume), shown_(shown) {}
  absl::Status Visit(const TreeEntry&) override { return absl::OkStatus(); }
  absl::Status Leave(const TreeEntry& entry) override {
    const std::string shown = absl::StrCat(shown_, "/", entry.path);
    absl::StatusOr<FileDescriptor> fd =
        OpenBelow(volume_, entry.path, O_PATH | O_DIRECTORY | O_NOFOLLOW, shown);
    if (!fd.ok()) return fd.status();
    return SetTimes(fd->get(), entry.info, shown);
  }

 private:
  const int volume_;
  const std::string& shown_;
};

}  // namespace

absl::Status StagedCopy::Visit(const TreeEntry& entry) {
  const std::string shown = absl::StrCat(shown_, "/", entry.path);
  const bool several_names = S_ISREG(entry.info.stx_mode) && entry.info.stx_nlink > 1;
  bool first_name = true;
  std::string linked_to;
  if (several_names) {
    const auto [place, first] = links_.emplace(entry.info.stx_ino, entry.path);
    first_name = first;
    linked_to = place->second;
  }
  absl::StatusOr<FileDescriptor> there =
      OpenBelow(volume_, entry.path, O_PATH | O_NOFOLLOW, "the volume's " + entry.path);
  if (there.ok()) return absl::OkStatus();
  if (!absl::IsNotFound(there.status())) return there.status();
  if (!first_name) {
    batch_.push_back({"", linked_to, entry.path});
    return absl::OkStatus();
  }
  return Copy(entry, shown);
}

absl::Status StagedCopy::Copy(const TreeEntry& entry, const std::string& shown) {
  absl::StatusOr<FileDescriptor> from =
      OpenEntry(entry.parent, entry.name, entry.info.stx_mode, shown);
  if (absl::IsNotFound(from.status())) return absl::OkStatus();  // removed meanwhile
  if (!from.ok()) return from.status();
  const Pending pending = {absl::StrCat(next_++), "", entry.path};
  if (absl::Status s = MakeStaged(entry, from->get(), pending.staged, shown); !s.ok()) return s;
  // Without contents there is nothing to wait for: the journal keeps the order.
  if (!S_ISREG(entry.info.stx_mode)) return Publish(pending);
  batch_.push_back(pending);
  batch_bytes_ += entry.info.stx_size;
  if (batch_.size() < kBatchEntries && batch_bytes_ < kBatchBytes) return absl::OkStatus();
  return PublishBatch();
}

absl::Status StagedCopy::MakeStaged(const TreeEntry& entry, int from, const std::string& staged,
                                    const std::string& shown) {
  FileDescriptor to;
  if (S_ISREG(entry.info.stx_mode)) {
    absl::StatusOr<FileDescriptor> file =
        MakeFile(staging_, staged, from, static_cast<off_t>(entry.info.stx_size), shown);
    if (!file.ok()) return file.status();
    to = *std::move(file);
  } else {
    if (absl::Status s = MakeNode(staging_, staged, from, entry.info, shown); !s.ok()) return s;
    absl::StatusOr<FileDescriptor> node = OpenBelow(staging_, staged, O_PATH | O_NOFOLLOW, shown);
    if (!node.ok()) return node.status();
    to = *std::move(node);
  }
  if (absl::Status s = CopyOwnerModeAndXattrs(from, to.get(), shown); !s.ok()) return s;
  return SetTimes(to.get(), entry.info, shown);
}

absl::Status StagedCopy::Publish(const Pending& pending) {
  absl::StatusOr<ParentDirectory> parent = VolumeParent(volume_, pending.path);
  if (!parent.ok()) return parent.status();
  const int to = parent->directory.get();
  const std::string shown = "the volume's " + pending.path;
  if (!pending.staged.empty()) {
    if (syscall(SYS_renameat2, staging_, pending.staged.c_str(), to, parent->name.c_str(),
                RENAME_NOREPLACE) != 0) {
      return ErrnoStatus(errno, "renameat2", shown);
    }
    return absl::OkStatus();
  }
  absl::StatusOr<ParentDirectory> first = VolumeParent(volume_, pending.linked_to);
  if (!first.ok()) return first.status();
  if (linkat(first->directory.get(), first->name.c_str(), to, parent->name.c_str(), 0) != 0) {
    return ErrnoStatus(errno, "linkat", shown);
  }
  return absl::OkStatus();
}

absl::Status StagedCopy::PublishBatch() {
  if (syncfs(volume_) != 0) return ErrnoStatus(errno, "syncfs", "the volume");
  for (const Pending& pending : batch_) {
    if (absl::Status s = Publish(pending); !s.ok()) return s;
  }
  batch_.clear();
  batch_bytes_ = 0;
  return absl::OkStatus();
}

absl::Status SetDirectoryTimes(int source, int volume, const std::string& shown) {
  DirectoryTimes times(volume, shown);
  return WalkTree(source, shown, times);
}

}  // namespace bpa::executor
