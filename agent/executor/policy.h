// What even a valid signer may use on this node: the `policy` section of agent.yaml.
#ifndef BPA_AGENT_EXECUTOR_POLICY_H_
#define BPA_AGENT_EXECUTOR_POLICY_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace bpa::executor {

// Deny by default: an empty list allows nothing.
struct Policy {
  std::vector<std::string> sysctls;          // dotted names, exact
  std::vector<std::string> directory_roots;  // absolute; the root itself and all below
  std::vector<std::string> package_roots;    // likewise
  std::vector<std::string> mount_points;     // absolute, exact
  std::vector<std::string> filesystems;      // "xfs", "ext4"
  std::vector<std::string> volume_models;    // NVMe models that may be used, exact
  std::vector<std::string> device_paths;  // device nodes that may be named, exact or trailing `*`
  bool allow_apply = false;
  bool allow_format = false;
  bool allow_migrate = false;
  bool allow_grow = false;
  bool allow_reset = false;
  // Distinct signers that an act needs; at least 1.
  int apply_threshold = 1;
  int format_threshold = 1;
  int reset_threshold = 1;
  // Longest time between a command's issue and expiry.
  absl::Duration max_validity = absl::Hours(1);
  // How far ahead of this node's clock a command may be issued.
  absl::Duration max_clock_skew = absl::Minutes(2);
};

// Each returns PermissionDenied that names the value, the list in agent.yaml and what it holds.
absl::Status CheckSysctlAllowed(const Policy& policy, const std::string& name);
absl::Status CheckDirectoryAllowed(const Policy& policy, const std::string& path);
absl::Status CheckPackageAllowed(const Policy& policy, const std::string& destination);
absl::Status CheckMountPointAllowed(const Policy& policy, const std::string& path);
absl::Status CheckFilesystemAllowed(const Policy& policy, const std::string& filesystem);
absl::Status CheckModelAllowed(const Policy& policy, const std::string& model);
absl::Status CheckDevicePathAllowed(const Policy& policy, const std::string& path);

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_POLICY_H_
