// The mount table and mounting from fstab.
#include <fcntl.h>
#include <libmount/libmount.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "agent/executor/linux/deadline.h"
#include "agent/executor/linux/directory_names.h"
#include "agent/executor/linux/disk_content.h"
#include "agent/executor/linux/mountinfo.h"
#include "agent/executor/linux/paths.h"
#include "agent/executor/linux/systemd.h"
#include "agent/executor/linux_host.h"
#include "proto/trusted_file.h"

namespace bpa::executor {
namespace {

using Context = std::unique_ptr<libmnt_context, decltype(&mnt_free_context)>;
using Table = std::unique_ptr<libmnt_table, decltype(&mnt_unref_table)>;

// The node of the whole disk that has the filesystem; empty if none has. FailedPrecondition if
// several have: which of them libmount would take is chance.
absl::StatusOr<std::string> NodeByUuid(const std::string& uuid) {
  const FileDescriptor block(open("/sys/block", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!block.valid()) return ErrnoStatus(errno, "open", "/sys/block");
  absl::StatusOr<std::vector<std::string>> names = DirectoryNames(block.get(), "/sys/block");
  if (!names.ok()) return names.status();
  std::string found;
  for (const std::string& name : *names) {
    const std::string node = absl::StrCat("/dev/", name);
    const FileDescriptor fd(open(node.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    if (!fd.valid() || FilesystemUuid(fd.get()) != uuid) continue;
    if (!found.empty()) {
      return absl::FailedPreconditionError(
          absl::StrCat(found, " and ", node, " both have a filesystem with UUID ", uuid,
                       "; detach the copy or give it another UUID"));
    }
    found = node;
  }
  return found;
}

// Lower case; empty where the entry names its device otherwise.
std::string WantedUuid(libmnt_fs* entry) {
  const char* tag = nullptr;
  const char* value = nullptr;
  if (mnt_fs_get_tag(entry, &tag, &value) != 0 || std::string(tag) != "UUID") return "";
  return absl::AsciiStrToLower(value);
}

bool HasLink(const std::string& uuid) {
  return access(absl::StrCat("/dev/disk/by-uuid/", uuid).c_str(), F_OK) == 0;
}

// A device for `UUID=` where udev has made no link for it: libmount would only try the kernel's own
// names for devices, and those need not be the names of this /dev.
absl::Status ResolveSource(libmnt_fs* entry) {
  const std::string uuid = WantedUuid(entry);
  if (uuid.empty() || HasLink(uuid)) return absl::OkStatus();
  absl::StatusOr<std::string> node = NodeByUuid(uuid);
  if (!node.ok()) return node.status();
  if (!node->empty() && mnt_fs_set_source(entry, node->c_str()) != 0) {
    return absl::InternalError("libmount has no memory");
  }
  return absl::OkStatus();
}

// systemd waits for udev's link. udev passes over a device that is locked, as ours was while it was
// formatted and filled, so it is told to look again. Two disks with one UUID are refused here: to
// which of them the link points is chance.
absl::Status AnnounceSource(const std::string& uuid) {
  if (uuid.empty()) return absl::OkStatus();
  absl::StatusOr<std::string> node = WithDeadline<std::string>(
      absl::Minutes(1), absl::StrCat("a disk of this node, when asked for UUID ", uuid, ","),
      [uuid] { return NodeByUuid(uuid); });
  if (!node.ok()) return node.status();
  if (node->empty() || HasLink(uuid)) return absl::OkStatus();
  const std::string event =
      absl::StrCat("/sys/block/", node->substr(sizeof "/dev/" - 1), "/uevent");
  const FileDescriptor fd(open(event.c_str(), O_WRONLY | O_CLOEXEC));
  constexpr char kChange[] = "change";
  if (fd.valid() && write(fd.get(), kChange, sizeof kChange - 1) > 0) return absl::OkStatus();
  return ErrnoStatus(errno, "write", event);
}

// The entry belongs to the table.
absl::StatusOr<libmnt_fs*> FindEntry(libmnt_table* fstab, const std::string& mount_point) {
  if (fstab == nullptr || mnt_table_parse_fstab(fstab, nullptr) != 0) {
    return absl::FailedPreconditionError("/etc/fstab cannot be read or parsed");
  }
  // Backwards, as mount(8) does: of several the last counts.
  libmnt_fs* entry = mnt_table_find_target(fstab, mount_point.c_str(), MNT_ITER_BACKWARD);
  if (entry == nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat("mount ", mount_point, ": /etc/fstab has no entry for it"));
  }
  return entry;
}

absl::Status MountByLibmount(libmnt_fs* entry, const std::string& mount_point) {
  if (absl::Status s = ResolveSource(entry); !s.ok()) return s;
  const Context context(mnt_new_context(), &mnt_free_context);
  // No mount.<type> helpers: xfs and ext4 have none, and nothing else is to be run here. The entry
  // is complete, so fstab need not be looked at again.
  if (context == nullptr || mnt_context_disable_helpers(context.get(), 1) != 0 ||
      mnt_context_set_optsmode(context.get(), MNT_OMODE_NOTAB) != 0 ||
      mnt_context_set_fs(context.get(), entry) != 0) {
    return absl::InternalError("libmount has no memory");
  }
  const int result = mnt_context_mount(context.get());
  std::string message(1024, '\0');
  const int code = mnt_context_get_excode(context.get(), result, message.data(), message.size());
  if (result == 0 && code == 0) return absl::OkStatus();
  message.resize(message.find('\0'));
  // With `nofail` libmount keeps quiet about a device that is not there.
  if (message.empty()) message = absl::StrCat(mnt_fs_get_source(entry), " is not there");
  return absl::FailedPreconditionError(
      absl::StrCat("mount ", mount_point, " from /etc/fstab: ", message, "; `dmesg` may say more"));
}

}  // namespace

absl::StatusOr<std::vector<MountEntry>> LinuxHost::ReadMounts() {
  return ReadMountInfo("/proc/1/mountinfo");
}

absl::Status LinuxHost::MountFromFstab(const std::string& mount_point) {
  // libmount follows links in the target.
  absl::StatusOr<FileDescriptor> checked = OpenPath(mount_point, O_PATH | O_DIRECTORY);
  if (!checked.ok()) return checked.status();
  const Table fstab(mnt_new_table(), &mnt_unref_table);
  absl::StatusOr<libmnt_fs*> entry = FindEntry(fstab.get(), mount_point);
  if (!entry.ok()) return entry.status();
  if (SystemdIsPidOne()) {
    absl::Status announced = AnnounceSource(WantedUuid(*entry));
    return announced.ok() ? StartMountUnit(mount_point) : announced;
  }
  return MountByLibmount(*entry, mount_point);
}

}  // namespace bpa::executor
