// Makes the controller's home: what `bpactl init` does, without its words.
#ifndef BPA_CONTROLLER_HOME_MAKER_H_
#define BPA_CONTROLLER_HOME_MAKER_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "controller/cluster_template.h"
#include "controller/home.h"

namespace bpa::controller {

enum class SignerType { kEd25519, kEcdsaP256 };

struct HomeOptions {
  // May be empty when there is a cluster.yaml.
  std::string cluster;
  // For the first cluster.yaml.
  std::vector<NodeArgument> nodes;
  SignerType signer_type = SignerType::kEd25519;
  // What certificates and nodes call this bpactl and its signing key.
  std::string controller_name = "bastion";
  // Make bundles: for nodes that are configured by hand instead of by user-data.
  bool bundles = false;
  // The text of agent.yaml's `policy` section in them.
  std::string policy;
};

struct HomeResult {
  // OK, or what is missing in a cluster.yaml that was just written; no bundle is made then.
  absl::Status cluster_complete;
  // All nodes of cluster.yaml.
  std::vector<std::string> nodes;
};

// Makes what is missing in `home`, in this order: the directory (0700), CA, client identity,
// signer, cluster.yaml, and, if wanted, a bundle for each node of cluster.yaml that has none. Calls
// `made` with each path after it is durable. Overwrites nothing but a client certificate that ends
// within kRenewBefore, so running it again, also after a crash at any point, makes the rest.
//
// Fails before it makes anything with InvalidArgument when cluster.yaml is faulty or contradicts
// the options, and with Aborted while another bpactl does the same. FailedPrecondition when
// the home's parts do not belong together.
absl::StatusOr<HomeResult> MakeHome(const Home& home, const HomeOptions& options, absl::Time now,
                                    const std::function<void(const std::string& path)>& made);

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_HOME_MAKER_H_
