#include "agent/executor/linux/detached_mount.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace bpa::executor {
namespace {

// By number: glibc has wrappers only since 2.36, and nodes have 2.34.
FileDescriptor FsOpen(const std::string& type) {
  return FileDescriptor(
      static_cast<int>(syscall(SYS_fsopen, type.c_str(), static_cast<unsigned>(FSOPEN_CLOEXEC))));
}

bool FsConfig(int context, unsigned command, const char* key, const char* value) {
  return syscall(SYS_fsconfig, context, command, key, value, 0) == 0;
}

FileDescriptor FsMount(int context, unsigned attributes) {
  return FileDescriptor(static_cast<int>(
      syscall(SYS_fsmount, context, static_cast<unsigned>(FSMOUNT_CLOEXEC), attributes)));
}

// What the filesystem has to say, "e xfs: Filesystem has duplicate UUID ..." line by line.
absl::Status Refused(int error, int context, const std::string& shown) {
  std::string reasons;
  std::array<char, 1024> message;
  for (ssize_t count; (count = read(context, message.data(), message.size())) > 0;) {
    absl::StrAppend(&reasons, reasons.empty() ? " (" : "; ",
                    absl::string_view(message.data(), static_cast<size_t>(count)));
  }
  if (!reasons.empty()) reasons += ")";
  return absl::FailedPreconditionError(
      absl::StrCat("mount ", shown, ": ", std::strerror(error), reasons, "; `dmesg` may say more"));
}

bool Configure(int context, Filesystem filesystem, MountAccess access, const std::string& source) {
  if (!FsConfig(context, FSCONFIG_SET_STRING, "source", source.c_str())) return false;
  if (access == MountAccess::kReadOnly) {
    const char* no_replay = filesystem == Filesystem::kXfs ? "norecovery" : "noload";
    if (!FsConfig(context, FSCONFIG_SET_FLAG, "ro", nullptr) ||
        !FsConfig(context, FSCONFIG_SET_FLAG, no_replay, nullptr)) {
      return false;
    }
  }
  return FsConfig(context, FSCONFIG_CMD_CREATE, nullptr, nullptr);
}

}  // namespace

absl::StatusOr<DetachedMount> DetachedMount::Make(int device, Filesystem filesystem,
                                                  MountAccess access, const std::string& shown) {
  const FileDescriptor context = FsOpen(std::string(FilesystemName(filesystem)));
  if (!context.valid()) return Refused(errno, -1, shown);
  if (!Configure(context.get(), filesystem, access, DescriptorPath(device))) {
    return Refused(errno, context.get(), shown);
  }
  const unsigned attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC |
                              (access == MountAccess::kReadOnly ? MOUNT_ATTR_RDONLY : 0);
  FileDescriptor mount = FsMount(context.get(), attributes);
  if (!mount.valid()) return Refused(errno, context.get(), shown);
  FileDescriptor root(openat(mount.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root.valid()) return Refused(errno, context.get(), shown);
  return DetachedMount(std::move(mount), std::move(root));
}

}  // namespace bpa::executor
