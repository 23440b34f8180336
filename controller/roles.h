// The `roles` section of cluster.yaml: the desired states.
#ifndef BPA_CONTROLLER_ROLES_H_
#define BPA_CONTROLLER_ROLES_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "bpa/v1/command.pb.h"
#include "proto/yaml/strict_yaml.h"

namespace bpa::controller {

// The roles in the document's order, without their packages, whose manifests are not made yet; see
// ParseRolePackages. InvalidArgument as yaml::Value has it.
absl::StatusOr<std::vector<v1::Role>> ParseRoles(const yaml::Value& roles);

// What counts towards kMaxRoleNamesBytes, without packages.
size_t RoleNamesBytes(const v1::Role& role);

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_ROLES_H_
