// The forms of what administrators write, in cluster.yaml and on the command line.
//
// The ...Problem functions return what is wrong and what to do about it, or nothing when all is
// well; the caller adds where. The executor checks the same again, with its own code: it does not
// trust a controller.
#ifndef BPA_CONTROLLER_FORMS_H_
#define BPA_CONTROLLER_FORMS_H_

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"

namespace bpa::controller {

// Clusters, nodes and roles: lower-case letters, digits, '-' and '.', beginning and ending with a
// letter or digit, labels of at most 63 characters. Nodes' names become DNS names in certificates.
std::string NameProblem(const std::string& name);

// Absolute and normal: no `.`, `..`, `//`, trailing slash or control character. Not `/` itself.
std::string PathProblem(const std::string& path);

// `vol-` and 8 or 17 lower-case hexadecimal digits; the message speaks of device paths too, which
// may stand in the same place.
std::string VolumeIdProblem(const std::string& id);

// Beneath /dev.
std::string DevicePathProblem(const std::string& path);

// Dotted: `vm.max_map_count`.
std::string SysctlNameProblem(const std::string& name);

// Words parted by single blanks, as the kernel prints a value.
std::string SysctlValueProblem(const std::string& value);

// A user's or group's name or decimal number.
std::string AccountProblem(const std::string& account);

// A systemd service or target, such as "kubelet.service".
std::string UnitProblem(const std::string& unit);

// Comma-separated fstab options, none of them the agent's own.
std::string MountOptionsProblem(const std::string& options);

// "HOST", "HOST:PORT", "V4:PORT" or "[V6]:PORT" with the port always there (kDefaultPort when it
// was absent). InvalidArgument says what is wrong.
absl::StatusOr<std::string> NormalAddress(const std::string& address);

// The host of a normal address, without brackets.
std::string AddressHost(const std::string& normal_address);

// What fits into one line of a command's record: at most `max_bytes`, no control characters.
std::string TextProblem(const std::string& text, size_t max_bytes);

// Whether `path` is `directory` or lies beneath it; both normal.
bool IsAtOrBeneath(const std::string& path, const std::string& directory);

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_FORMS_H_
