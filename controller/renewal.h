// Gives a node a certificate with a later end, for the key that it has; also when the one that it
// has is expired.
#ifndef BPA_CONTROLLER_RENEWAL_H_
#define BPA_CONTROLLER_RENEWAL_H_

#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "controller/certificates.h"
#include "controller/cluster.h"
#include "controller/home.h"
#include "proto/keys.h"

namespace bpa::controller {

struct RenewContext {
  std::string cluster;
  const Home& home;
  const Authority& authority;
  const ClientIdentity& identity;
  const PrivateKey& signer;
  // Certificates that have at least this left stay.
  absl::Duration within = absl::InfiniteDuration();
  absl::Duration connect_timeout = absl::Seconds(5);
};

struct RenewResult {
  std::string node;
  absl::Status status;
  // False with OK: there was enough left.
  bool renewed = false;
  // Of the certificate that the node has now.
  absl::Time expires;
  // The node's clock minus this machine's.
  absl::Duration clock_offset;
};

// The node is known by the key of the certificate that the home keeps of it: it need not be valid
// any more. FailedPrecondition when the home has none.
RenewResult RenewNode(const RenewContext& context, const Node& node);

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_RENEWAL_H_
