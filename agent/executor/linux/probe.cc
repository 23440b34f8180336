// ProbeDisk.
#include <fcntl.h>
#include <sys/file.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/executor/linux/deadline.h"
#include "agent/executor/linux/disk_content.h"
#include "agent/executor/linux/open_disk.h"
#include "agent/executor/linux_host.h"

namespace bpa::executor {
namespace {

// Longer than the wait for the lock, shorter than what an operator would take for a hang.
constexpr absl::Duration kProbeLimit = absl::Minutes(1);

absl::StatusOr<DiskProbe> Probe(const Disk& disk) {
  absl::StatusOr<FileDescriptor> fd = OpenDisk(disk, O_RDONLY);
  if (!fd.ok()) return fd.status();
  if (absl::Status s = LockDescriptor(fd->get(), LOCK_SH, disk.node); !s.ok()) return s;
  if (absl::Status s = CheckNotInUse(disk, fd->get(), MountedIs::kFine); !s.ok()) return s;
  absl::StatusOr<DiskFinding> finding = ExamineDisk(fd->get(), disk.size_bytes, disk.node);
  if (!finding.ok()) return finding.status();
  return finding->probe;
}

}  // namespace

absl::StatusOr<DiskProbe> LinuxHost::ProbeDisk(const Disk& disk) {
  return WithDeadline<DiskProbe>(kProbeLimit, disk.node, [disk] { return Probe(disk); });
}

}  // namespace bpa::executor
