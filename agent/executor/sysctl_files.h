// The files of sysctl.d as they lie on a machine.
#ifndef BPA_AGENT_EXECUTOR_SYSCTL_FILES_H_
#define BPA_AGENT_EXECUTOR_SYSCTL_FILES_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/executor/host.h"
#include "agent/executor/sysctl_d.h"

namespace bpa::executor {

inline constexpr size_t kMaxSysctlFileBytes = size_t{1024} * 1024;
inline constexpr char kSysctlConf[] = "/etc/sysctl.conf";

// The files that systemd-sysctl would read now, in its order, with their contents. A link is
// followed once (99-sysctl.conf to ../sysctl.conf); one to /dev/null masks, one to nothing is
// passed over. FailedPrecondition, naming it, for a link whose file cannot be told.
absl::StatusOr<std::vector<SysctlFile>> ReadSysctlFiles(Host& host);

// /etc/sysctl.conf, or nullopt if there is none.
absl::StatusOr<std::optional<SysctlFile>> ReadSysctlConf(Host& host);

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_SYSCTL_FILES_H_
