// The service manager as PID 1, asked over D-Bus (sd-bus) to mount what /etc/fstab says.
//
// A mount that PID 1 makes is the host's whatever namespace this process has, its unit is active,
// and systemd does not take it down again as something that it knows nothing of.
#ifndef BPA_AGENT_EXECUTOR_LINUX_SYSTEMD_H_
#define BPA_AGENT_EXECUTOR_LINUX_SYSTEMD_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace bpa::executor {

// True where PID 1, as this process sees it, is systemd: not in a container or on a lab host that
// has its own PID namespace, even if the machine around it was booted with systemd.
bool SystemdIsPidOne();

// The unit of the mount point `path` (absolute and normal), by systemd.unit(5)'s escaping of paths:
// "opt.mount" for /opt, "srv-bpa\x2ddata.mount" for /srv/bpa-data.
std::string MountUnitName(std::string_view path);

struct SystemdPatience {
  // For generators to run over /etc/fstab again.
  absl::Duration reload = absl::Seconds(90);
  // For the device (90 s where fstab says nothing else) and for mount(8) (90 s).
  absl::Duration job = absl::Minutes(3) + absl::Seconds(10);
};

// Has PID 1 read /etc/fstab again (daemon-reload), starts the mount point's unit with mode
// "replace" and waits for the job's end.
//
// FailedPrecondition, with how the unit failed and where it says why, if the job ends with anything
// but "done"; Unavailable if the bus or systemd does not answer; DeadlineExceeded when patience
// ends: the job is cancelled, so that nothing is mounted later that nobody expects any more.
absl::Status StartMountUnit(const std::string& mount_point, SystemdPatience patience = {});

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_LINUX_SYSTEMD_H_
