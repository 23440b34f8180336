// The single seam between the resources and the machine.
//
// Each call is either atomic or safe to repeat: a crash inside a call leaves the state from before
// it, the state after it, or something that the same call finishes. LinuxHost is the machine;
// FakeHost (tests/fakes) is one in memory that can fail or crash at any call.
//
// Paths are absolute and normal (no `.`, `..`, doubled or trailing slash). Every component is
// walked with openat2(2) without following symbolic links or magic links; a link on the way is
// FailedPrecondition that names it. Errors carry the system call and the path.
#ifndef BPA_AGENT_EXECUTOR_HOST_H_
#define BPA_AGENT_EXECUTOR_HOST_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace bpa::executor {

enum class FileType { kRegular, kDirectory, kSymlink, kOther };

struct FileInfo {
  FileType type;
  uint32_t mode;  // permission bits, 07777
  uint32_t uid;
  uint32_t gid;
  uint64_t device;  // st_dev of the filesystem that holds it

  friend bool operator==(const FileInfo&, const FileInfo&) = default;
};

// What a directory holds, without itself.
struct TreeSummary {
  uint64_t entries = 0;
  uint64_t bytes = 0;  // apparent sizes of regular files
  // SHA-256 (32 bytes) over the sorted listing (path, type, mode, owner, size, mtime): a plan is
  // bound to it.
  std::string digest;
};

// A process that has something below a directory in use.
struct ProcessUse {
  int pid;
  std::string command;  // comm
  std::string path;     // what it holds
  bool writing;         // opened for writing, or its working or root directory
};

enum class Filesystem { kXfs, kExt4 };
// As mount(8), mkfs(8) and fstab(5) call it.
constexpr std::string_view FilesystemName(Filesystem filesystem) {
  return filesystem == Filesystem::kXfs ? "xfs" : "ext4";
}

// A whole disk, as found by its device node or by enumeration.
struct Disk {
  std::string node;        // "/dev/nvme1n1"
  uint64_t device_number;  // st_rdev
  std::string serial;      // sysfs, trailing blanks trimmed; empty where the device has none
  std::string model;       // likewise
  uint64_t size_bytes;

  friend bool operator==(const Disk&, const Disk&) = default;
};

enum class DiskContent {
  kBlank,       // no signature of any kind, and both ends read as zeros
  kFilesystem,  // exactly one filesystem signature, of a kind that we know
  kOther,       // partition table, foreign or ambivalent signature, or data without a signature
};

struct DiskProbe {
  DiskContent content;
  // kFilesystem:
  Filesystem filesystem = Filesystem::kXfs;
  std::string uuid;  // lower case
  // As the superblock has it: blocks times block size, with the log and all metadata. (libblkid's
  // FSSIZE and statfs(2) leave those out, and every filesystem would look as if it could grow.)
  uint64_t filesystem_bytes = 0;
  // kOther: what was found, for the error message ("a GPT partition table", "data at offset 4096").
  std::string description;
};

struct MountEntry {
  uint64_t device_number;
  std::string root;  // path within the filesystem
  std::string mount_point;
  std::string filesystem;
  std::string source;
  std::string options;
};

// What MigrateTree has to do, or did.
struct Migration {
  uint64_t entries = 0;
  uint64_t bytes = 0;
  // At most 20 paths that the volume has with other content, type or attributes.
  std::vector<std::string> conflicts;
  // While it lives, the filesystem stays active, mounted nowhere: the mount that follows joins it
  // and does not wait for a log to be written and read again. Null where nothing was copied.
  std::shared_ptr<const void> active;
};

struct FilesystemRoom {
  uint64_t bytes = 0;
  uint64_t available_bytes = 0;  // to those who are not root
  uint64_t inodes = 0;
  uint64_t available_inodes = 0;
};

class Host {
 public:
  virtual ~Host() = default;

  // --- Files and directories.

  // lstat. NotFound if it (or a parent) does not exist.
  virtual absl::StatusOr<FileInfo> Inspect(const std::string& path) = 0;
  // Where a symbolic link points, unresolved. FailedPrecondition if `path` is something else.
  virtual absl::StatusOr<std::string> ReadLink(const std::string& path) = 0;
  // Whole regular file; ResourceExhausted over `max_bytes`. NotFound as above.
  virtual absl::StatusOr<std::string> ReadFile(const std::string& path, size_t max_bytes) = 0;
  // Names without `.` and `..`, sorted.
  virtual absl::StatusOr<std::vector<std::string>> ListDirectory(const std::string& path) = 0;
  // Replaces a file whole and durably (temporary file, fsync, rename, fsync of the directory) if it
  // holds exactly `expected` (nullopt: does not exist), else Aborted. An existing file's mode,
  // owner and extended attributes are kept; a new one is root's with mode 0644. Serialized between
  // processes of ours by a lock.
  virtual absl::Status ReplaceFile(const std::string& path,
                                   const std::optional<std::string>& expected,
                                   std::string_view contents) = 0;
  // FailedPrecondition if a read-only filesystem, or an immutable file or directory, would keep
  // ReplaceFile from replacing or making `path`. Writes nothing.
  virtual absl::Status CheckReplaceable(const std::string& path) = 0;
  // One level; exact mode whatever the umask; AlreadyExists if anything is there.
  // `filesystem`: st_dev that the parent must be on, else FailedPrecondition: nothing may land
  // beneath a mount that went away. Not durable until SyncFilesystem.
  virtual absl::Status MakeDirectory(const std::string& path, uint32_t mode,
                                     std::optional<uint64_t> filesystem) = 0;
  // Of a directory; FailedPrecondition if it is something else.
  virtual absl::Status SetMode(const std::string& path, uint32_t mode) = 0;
  // nullopt leaves an id alone.
  virtual absl::Status SetOwner(const std::string& path, std::optional<uint32_t> uid,
                                std::optional<uint32_t> gid) = 0;
  // Within one filesystem, never over something that exists; durable when it returns.
  virtual absl::Status Rename(const std::string& from, const std::string& to) = 0;
  // A file or a whole tree; never crosses into another mount (FailedPrecondition if one is below).
  // OK if it does not exist.
  virtual absl::Status RemoveTree(const std::string& path) = 0;
  virtual absl::StatusOr<TreeSummary> SummarizeTree(const std::string& path) = 0;
  // syncfs(2) of the filesystem that holds `path`.
  virtual absl::Status SyncFilesystem(const std::string& path) = 0;
  // Processes of this machine, other than this one, that use something below `path` (or it).
  virtual absl::StatusOr<std::vector<ProcessUse>> ProcessesUsing(const std::string& path) = 0;
  // By name or decimal id; NotFound names it.
  virtual absl::StatusOr<uint32_t> LookUpUser(const std::string& name) = 0;
  virtual absl::StatusOr<uint32_t> LookUpGroup(const std::string& name) = 0;

  // --- Sysctls. `name` is dotted and already checked.
  // The value with runs of white space folded to one blank.
  virtual absl::StatusOr<std::string> ReadSysctl(const std::string& name) = 0;
  virtual absl::Status WriteSysctl(const std::string& name, const std::string& value) = 0;

  // --- Disks.

  // Whole disks that have a serial, from /sys/block.
  virtual absl::StatusOr<std::vector<Disk>> ListDisks() = 0;
  // By device node. NotFound if there is none; FailedPrecondition if it is not a whole disk.
  virtual absl::StatusOr<Disk> FindDisk(const std::string& node) = 0;
  // Opens the node, checks that it still is `disk` (device number, serial, size), and looks under a
  // shared lock. FailedPrecondition when in use: partitions, holders, swap, an exclusive opener
  // other than a mount. DataLoss on a read error: never to be taken for blank. Unavailable when the
  // whole-disk lock cannot be had within 10 s.
  virtual absl::StatusOr<DiskProbe> ProbeDisk(const Disk& disk) = 0;
  // Makes a filesystem with `uuid` under an exclusive whole-disk lock, after probing again under
  // that lock: refuses (FailedPrecondition) anything but blank. `resume_unfinished`: what a killed
  // mkfs of ours left counts as blank too: a signature with exactly `uuid` on what the kernel does
  // not mount, or data without any signature. If the kernel does mount it, mkfs had finished, and
  // it is left as it is. Durable when it returns.
  virtual absl::Status Format(const Disk& disk, Filesystem filesystem, const std::string& uuid,
                              bool resume_unfinished) = 0;
  // Of a mounted filesystem: as DiskProbe::filesystem_bytes.
  virtual absl::StatusOr<uint64_t> MountedFilesystemSize(const std::string& mount_point) = 0;
  // statvfs(3). DeadlineExceeded when the filesystem does not answer.
  virtual absl::StatusOr<FilesystemRoom> MeasureRoom(const std::string& mount_point) = 0;
  // The log page of an NVMe disk, 4096 bytes. NotFound where it has none; else as ProbeDisk.
  virtual absl::StatusOr<std::string> ReadLogPage(const Disk& disk, uint8_t page) = 0;
  // Grows the mounted filesystem to its device, online.
  virtual absl::Status Grow(const std::string& mount_point) = 0;
  // What migrating `directory` onto the disk's filesystem would copy, and what conflicts. Looks
  // through a detached, read-only, no-recovery mount: nothing is written and nothing is left.
  virtual absl::StatusOr<Migration> PreviewMigration(const std::string& directory, const Disk& disk,
                                                     Filesystem filesystem) = 0;
  // Copies everything in `directory` onto the disk's filesystem through a detached mount: owners,
  // modes, times, extended attributes, hard links, symbolic links; each file appears under its name
  // only when whole; compares; syncs. Conflicts are all that it returns where there are any, and
  // then only mounting has written. Safe to repeat after a crash. The source is not changed.
  virtual absl::StatusOr<Migration> MigrateTree(const std::string& directory, const Disk& disk,
                                                Filesystem filesystem) = 0;

  // --- Mounts.
  // /proc/1/mountinfo, in its order (later entries cover earlier ones).
  virtual absl::StatusOr<std::vector<MountEntry>> ReadMounts() = 0;
  // Mounts what /etc/fstab says for `mount_point`, for the whole host. FailedPrecondition says why
  // it could not be mounted.
  virtual absl::Status MountFromFstab(const std::string& mount_point) = 0;

  // Sleeps; for waiting for a late attach.
  virtual void Pause(absl::Duration duration) = 0;
};

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_HOST_H_
