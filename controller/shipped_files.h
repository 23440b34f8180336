// Texts of packaging/ that are part of bpactl.
#ifndef BPA_CONTROLLER_SHIPPED_FILES_H_
#define BPA_CONTROLLER_SHIPPED_FILES_H_

#include <string_view>

namespace bpa::controller {

// packaging/bpa-roles.yaml: the `roles` section, BPA's four nodes as Cisco's paper has them.
std::string_view ShippedRoles();

// packaging/default-policy.yaml: the `policy` section of a node's agent.yaml.
std::string_view ShippedPolicy();

// packaging/user-data.sh: what every node's user-data does.
std::string_view ShippedUserData();

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_SHIPPED_FILES_H_
