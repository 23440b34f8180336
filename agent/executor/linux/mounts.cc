// The mount table and mounting from fstab.
#include <libmount/libmount.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "agent/executor/linux/mountinfo.h"
#include "agent/executor/linux_host.h"

namespace bpa::executor {

absl::StatusOr<std::vector<MountEntry>> LinuxHost::ReadMounts() {
  return ReadMountInfo("/proc/1/mountinfo");
}

absl::Status LinuxHost::MountFromFstab(const std::string& mount_point) {
  const std::unique_ptr<libmnt_context, decltype(&mnt_free_context)> context(mnt_new_context(),
                                                                             &mnt_free_context);
  // No mount.<type> helpers: xfs and ext4 have none, and nothing else is to be run here.
  if (context == nullptr || mnt_context_disable_helpers(context.get(), 1) != 0 ||
      mnt_context_set_target(context.get(), mount_point.c_str()) != 0) {
    return absl::InternalError("libmount has no memory");
  }
  const int result = mnt_context_mount(context.get());
  std::string message(1024, '\0');
  const int code = mnt_context_get_excode(context.get(), result, message.data(), message.size());
  if (result == 0 && code == 0) return absl::OkStatus();
  message.resize(message.find('\0'));
  return absl::FailedPreconditionError(absl::StrCat(
      "mount ", mount_point,
      " from /etc/fstab: ", message.empty() ? absl::StrCat("libmount error ", result) : message,
      "; `dmesg` may say more"));
}

}  // namespace bpa::executor
