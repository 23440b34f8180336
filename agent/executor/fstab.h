// /etc/fstab as bytes: our line is set, every other byte stays as it was.
//
// fstab(5): six fields parted by blanks and tabs, the last two optional; a comment is a line whose
// first character that is not blank is `#`, never the rest of one; \040 \011 \012 \134 stand for
// blank, tab, newline and backslash. `x-<name>.` options are free for programs that maintain fstab:
// our line is the one that has `x-bpa.volume=`.
#ifndef BPA_AGENT_EXECUTOR_FSTAB_H_
#define BPA_AGENT_EXECUTOR_FSTAB_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace bpa::executor {

inline constexpr size_t kMaxFstabBytes = size_t{1024} * 1024;
inline constexpr size_t kMaxFstabLines = 10000;

// A line that is not blank and not a comment, its escapes resolved.
struct FstabEntry {
  int line = 0;  // 1-based
  std::string spec;
  std::string mount_point;
  std::string type;
  std::string options;

  friend bool operator==(const FstabEntry&, const FstabEntry&) = default;
};

// InvalidArgument names the first line that is malformed: fewer than four or more than six fields,
// a last field that is no number, a backslash that begins none of the escapes, a NUL.
absl::StatusOr<std::vector<FstabEntry>> ParseFstab(std::string_view text);

// What our line says.
struct OwnMount {
  std::string spec;         // "UUID=..."
  std::string mount_point;  // absolute, normal
  std::string type;         // "xfs", "ext4"
  std::string options;      // comma-separated; empty means "defaults"
  uint32_t device_timeout_seconds = 90;
  std::string volume;  // "vol-..." or a device node; the value of `x-bpa.volume=`
};

// The line without its newline:
// "UUID=... /opt xfs defaults,nofail,x-systemd.device-timeout=90,x-bpa.volume=vol-... 0 0".
// fsck.xfs does nothing, so its pass is 0; ext4's is 2.
std::string FstabLine(const OwnMount& mount);

struct FstabEdit {
  std::string before;  // our line as it stands, or empty
  std::string after;   // our line as it shall be
  std::string text;    // the whole file as it shall be; equal to the input when nothing differs
};

// The file with our line for `mount.mount_point` set: replaced where it stands, else appended.
// FailedPrecondition, naming the line and what to do, when the file is malformed or too big, or
// when another line claims the mount point or the filesystem. The result has been parsed again.
absl::StatusOr<FstabEdit> SetOwnMount(std::string_view text, const OwnMount& mount);

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_FSTAB_H_
