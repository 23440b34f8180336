#include "agent/executor/policy.h"

#include <algorithm>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace bpa::executor {
namespace {

bool Contains(const std::vector<std::string>& list, const std::string& value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

bool IsBelowAny(const std::vector<std::string>& roots, const std::string& path) {
  return std::any_of(roots.begin(), roots.end(), [&](const std::string& root) {
    return path == root || path.starts_with(absl::StrCat(root, "/"));
  });
}

absl::Status Denied(const char* what, const std::string& value, const char* list_name,
                    const std::vector<std::string>& list) {
  const std::string allowed =
      list.empty() ? "allows none" : absl::StrCat("allows only [", absl::StrJoin(list, ", "), "]");
  return absl::PermissionDeniedError(absl::StrCat(what, " '", value,
                                                  "' is not allowed on this node: policy.",
                                                  list_name, " in agent.yaml ", allowed));
}

}  // namespace

absl::Status CheckSysctlAllowed(const Policy& policy, const std::string& name) {
  if (Contains(policy.sysctls, name)) return absl::OkStatus();
  return Denied("sysctl", name, "sysctls", policy.sysctls);
}

absl::Status CheckDirectoryAllowed(const Policy& policy, const std::string& path) {
  if (IsBelowAny(policy.directory_roots, path)) return absl::OkStatus();
  return Denied("directory", path, "directory_roots", policy.directory_roots);
}

absl::Status CheckPackageAllowed(const Policy& policy, const std::string& destination) {
  if (IsBelowAny(policy.package_roots, destination)) return absl::OkStatus();
  return Denied("package destination", destination, "package_roots", policy.package_roots);
}

absl::Status CheckMountPointAllowed(const Policy& policy, const std::string& path) {
  if (Contains(policy.mount_points, path)) return absl::OkStatus();
  return Denied("mount point", path, "mount_points", policy.mount_points);
}

absl::Status CheckFilesystemAllowed(const Policy& policy, const std::string& filesystem) {
  if (Contains(policy.filesystems, filesystem)) return absl::OkStatus();
  return Denied("filesystem", filesystem, "filesystems", policy.filesystems);
}

absl::Status CheckModelAllowed(const Policy& policy, const std::string& model) {
  if (Contains(policy.volume_models, model)) return absl::OkStatus();
  return Denied("disk model", model, "volume_models", policy.volume_models);
}

absl::Status CheckDevicePathAllowed(const Policy& policy, const std::string& path) {
  for (std::string_view pattern : policy.device_paths) {
    if (pattern.ends_with('*')) {
      pattern.remove_suffix(1);
      // The star stands for part of one name, never for a way into another directory.
      if (path.starts_with(pattern) && path.size() > pattern.size() &&
          path.find('/', pattern.size()) == std::string::npos) {
        return absl::OkStatus();
      }
    } else if (path == pattern) {
      return absl::OkStatus();
    }
  }
  return Denied("device path", path, "device_paths", policy.device_paths);
}

}  // namespace bpa::executor
