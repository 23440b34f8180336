// The machine itself.
//
// Holds no state and is safe to use from several threads; what has to be serialized between calls
// or processes is locked in the kernel (flock(2) on the disk or on the directory). Implementation:
// agent/executor/linux/, one file per idea.
//
// Needs root, a kernel of 5.8 or newer (openat2, fsopen, statx mount ids) and /proc and /sys.
// Mounts are judged by /proc/1/mountinfo: where PID 1 is not systemd, this process must be in its
// mount namespace; where it is, mounts of the host must propagate to this process (systemd's
// default).
#ifndef BPA_AGENT_EXECUTOR_LINUX_HOST_H_
#define BPA_AGENT_EXECUTOR_LINUX_HOST_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/executor/host.h"

namespace bpa::executor {

// Contracts: host.h. Here is only what the real machine adds.
class LinuxHost final : public Host {
 public:
  absl::StatusOr<FileInfo> Inspect(const std::string& path) override;
  absl::StatusOr<std::string> ReadLink(const std::string& path) override;
  absl::StatusOr<std::string> ReadFile(const std::string& path, size_t max_bytes) override;
  absl::StatusOr<std::vector<std::string>> ListDirectory(const std::string& path) override;
  // The lock is on the directory, so nothing of it is left. Unavailable after 10 s.
  absl::Status ReplaceFile(const std::string& path, const std::optional<std::string>& expected,
                           std::string_view contents) override;
  absl::Status CheckReplaceable(const std::string& path) override;
  absl::Status MakeDirectory(const std::string& path, uint32_t mode,
                             std::optional<uint64_t> filesystem) override;
  absl::Status SetMode(const std::string& path, uint32_t mode) override;
  absl::Status SetOwner(const std::string& path, std::optional<uint32_t> uid,
                        std::optional<uint32_t> gid) override;
  absl::Status Rename(const std::string& from, const std::string& to) override;
  absl::Status RemoveTree(const std::string& path) override;
  absl::StatusOr<TreeSummary> SummarizeTree(const std::string& path) override;
  absl::Status SyncFilesystem(const std::string& path) override;
  // Also sees containers that have something below `path` mounted under another name. Processes
  // that end meanwhile, or that even root may not look into, are passed over.
  absl::StatusOr<std::vector<ProcessUse>> ProcessesUsing(const std::string& path) override;
  absl::StatusOr<uint32_t> LookUpUser(const std::string& name) override;
  absl::StatusOr<uint32_t> LookUpGroup(const std::string& name) override;

  absl::StatusOr<std::string> ReadSysctl(const std::string& name) override;
  absl::Status WriteSysctl(const std::string& name, const std::string& value) override;

  absl::StatusOr<std::vector<Disk>> ListDisks() override;
  absl::StatusOr<Disk> FindDisk(const std::string& node) override;
  // DeadlineExceeded when the device does not answer within a minute (EBS has no I/O timeout).
  absl::StatusOr<DiskProbe> ProbeDisk(const Disk& disk) override;
  absl::Status Format(const Disk& disk, Filesystem filesystem, const std::string& uuid,
                      bool resume_unfinished) override;
  absl::StatusOr<uint64_t> MountedFilesystemSize(const std::string& mount_point) override;
  absl::StatusOr<FilesystemRoom> MeasureRoom(const std::string& mount_point) override;
  absl::StatusOr<std::string> ReadLogPage(const Disk& disk, uint8_t page) override;
  absl::Status Grow(const std::string& mount_point) override;
  absl::StatusOr<Migration> PreviewMigration(const std::string& directory, const Disk& disk,
                                             Filesystem filesystem) override;
  absl::StatusOr<Migration> MigrateTree(const std::string& directory, const Disk& disk,
                                        Filesystem filesystem) override;

  absl::StatusOr<std::vector<MountEntry>> ReadMounts() override;
  // PID 1 does it where that is systemd: the unit is active and the mount the host's, also if this
  // process is sandboxed. Elsewhere libmount does.
  absl::Status MountFromFstab(const std::string& mount_point) override;

  void Pause(absl::Duration duration) override;
};

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_LINUX_HOST_H_
