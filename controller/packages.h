// The `packages` sections of cluster.yaml: what is staged, from where to where.
#ifndef BPA_CONTROLLER_PACKAGES_H_
#define BPA_CONTROLLER_PACKAGES_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "bpa/v1/command.pb.h"
#include "controller/staging/tree_scan.h"
#include "proto/yaml/strict_yaml.h"

namespace bpa::controller {

inline constexpr char kDefaultDestination[] = "/opt/bpa/packages";

// A package as somebody wishes for it.
struct PackageSource {
  std::string directory;  // on the bastion
  ModePolicy modes;
  // All but the manifest's digest and counts.
  v1::Package package;
};

// By role, those of the whole cluster (`packages` of `root`) first, then the role's own. Sources
// are relative to `directory`. InvalidArgument as yaml::Value has it; also for destinations that
// lie within each other, or hold a directory or a volume of their role.
absl::StatusOr<std::map<std::string, std::vector<PackageSource>>> ParsePackages(
    const yaml::Value& root, const std::vector<v1::Role>& roles, const std::string& directory);

// The label of a package of `directory` when nobody gave one: the directory's name; empty if that
// cannot be one.
std::string DefaultLabel(const std::string& directory);

// What is wrong with a label, or nothing.
std::string LabelProblem(const std::string& label);

// What is wrong with publishing at `destination` on nodes of `role`, or nothing.
std::string DestinationProblem(const std::string& destination, const v1::Role& role);

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_PACKAGES_H_
