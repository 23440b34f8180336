// Which file sets a kernel parameter at the next boot: sysctl.d(5) as systemd-sysctl reads it.
//
// Files of the same name mask each other by directory, what remains is read in the order of the
// names, and the last explicit assignment of a key wins. A glob counts only for keys that no file
// names explicitly, wherever that file sorts. `-key` without a value names a key so that no glob
// sets it. /etc/sysctl.conf is no part of that unless sysctl.d holds a link to it, but `sysctl
// --system` of procps reads it last: it is weighed on its own, as one more reader of the boot.
#ifndef BPA_AGENT_EXECUTOR_SYSCTL_D_H_
#define BPA_AGENT_EXECUTOR_SYSCTL_D_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bpa::executor {

// A directory of sysctl.d and the names in it.
struct SysctlDirectory {
  std::string path;
  std::vector<std::string> names;
};

// Paths of the files that count, in the order in which they are read. `directories` in the order
// of their precedence, highest first. Names that do not end in ".conf" are left out.
std::vector<std::string> OrderSysctlFiles(const std::vector<SysctlDirectory>& directories);

struct SysctlFile {
  std::string path;
  std::string contents;
};

// An assignment that counts.
struct SysctlSetting {
  std::string file;
  int line = 0;  // 1-based
  // White space folded; nullopt for an exclusion (`-key`), after which nothing sets the key.
  std::optional<std::string> value;

  friend bool operator==(const SysctlSetting&, const SysctlSetting&) = default;
};

// What the key `name` (dotted) is set to by `files`, in their order; nullopt if by none of them.
// Lines that are no assignment are passed over, as systemd-sysctl does.
std::optional<SysctlSetting> WinningSetting(const std::vector<SysctlFile>& files,
                                            std::string_view name);

// `contents` with `name = value`: replaces the first explicit assignment of that key and drops
// further ones, else appends. All other lines stay as they are. An empty file gets a heading.
std::string SetInSysctlFile(std::string_view contents, std::string_view name,
                            std::string_view value);

// Runs of white space become one blank; none at either end.
std::string FoldBlanks(std::string_view value);

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_SYSCTL_D_H_
