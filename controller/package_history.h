// What was published on the nodes before, by the commands and reports that the home keeps.
#ifndef BPA_CONTROLLER_PACKAGE_HISTORY_H_
#define BPA_CONTROLLER_PACKAGE_HISTORY_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "bpa/v1/command.pb.h"
#include "controller/cluster.h"
#include "controller/home.h"

namespace bpa::controller {

// The package that each of `nodes` had at `destination` before the one that it has now. NotFound
// names a node of which nothing earlier is known; FailedPrecondition, when they had different ones.
absl::StatusOr<v1::Package> PreviousPackage(const Home& home, const std::vector<Node>& nodes,
                                            const std::string& destination);

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_PACKAGE_HISTORY_H_
