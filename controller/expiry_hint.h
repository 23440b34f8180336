// Reminds an administrator who does something else of certificates that end soon.
#ifndef BPA_CONTROLLER_EXPIRY_HINT_H_
#define BPA_CONTROLLER_EXPIRY_HINT_H_

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "controller/cluster.h"
#include "controller/home.h"

namespace bpa::controller {

// A line for each certificate, of bpactl itself (valid until `own_until`) and of `nodes` as far as
// the home knows, that ends within kRenewBefore; empty if none does. Asks nobody, and leaves out
// what cannot be read.
std::string ExpiryHints(const Home& home, absl::Time own_until, const std::vector<Node>& nodes,
                        absl::Time now);

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_EXPIRY_HINT_H_
