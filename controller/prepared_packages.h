// Packages on the way from cluster.yaml or the command line into a command.
#ifndef BPA_CONTROLLER_PREPARED_PACKAGES_H_
#define BPA_CONTROLLER_PREPARED_PACKAGES_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "bpa/v1/command.pb.h"
#include "controller/cluster.h"
#include "controller/home.h"
#include "controller/staging/source_reader.h"
#include "controller/verb.h"

namespace bpa::controller {

// What `bpactl stage` asks for in place of what cluster.yaml has.
struct StagingWish {
  std::string directory;    // not for a rollback
  std::string destination;  // as in PackageSource
  std::string label;        // empty: the directory's name
  bool keep_previous = false;
  bool rollback = false;
};

struct PreparedPackages {
  // By role, with what the manifests say.
  std::map<std::string, std::vector<v1::Package>> by_role;
  // What the nodes are sent; null when there is nothing to send.
  std::unique_ptr<SourceReader> content;
};

// Makes the manifests of the packages of the nodes' roles; shows on `global.err` which, and how far
// it is. Ctrl-C: Cancelled.
absl::StatusOr<PreparedPackages> PreparePackages(const GlobalOptions& global, const Home& home,
                                                 const Cluster& cluster,
                                                 const std::vector<Node>& nodes);

// Likewise for one package on all nodes. Where a role has a package at the same destination, its
// owner, group, modes and keep_previous hold.
absl::StatusOr<PreparedPackages> PrepareStaging(const GlobalOptions& global, const Home& home,
                                                const Cluster& cluster,
                                                const std::vector<Node>& nodes,
                                                const StagingWish& wish);

// The content of a command that was signed before; null when it holds no packages to send.
absl::StatusOr<std::unique_ptr<SourceReader>> ContentOf(const Home& home,
                                                        const v1::Command& command);

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_PREPARED_PACKAGES_H_
