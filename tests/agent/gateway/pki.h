// Certificates as `bpactl init` makes them, and as it never would.
#ifndef BPA_TESTS_AGENT_GATEWAY_PKI_H_
#define BPA_TESTS_AGENT_GATEWAY_PKI_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace bpa::gateway {

struct Pem {
  std::string certificate;
  std::string key;
};

struct Subject {
  std::vector<std::string> uris;
  // "serverAuth", "clientAuth", or empty for a certificate without the extension.
  std::string usage;
  absl::Time not_before = absl::Now() - absl::Hours(1);
  absl::Time not_after = absl::Now() + absl::Hours(24);
};

// Of the cluster "c".
Subject NodeSubject();
Subject ControllerSubject();

// The certificate's DNS name is always node-1. `authority` nullptr: self-signed, an authority.
Pem Issue(const Subject& subject, const Pem* authority);
Pem MakeAuthority();

}  // namespace bpa::gateway

#endif  // BPA_TESTS_AGENT_GATEWAY_PKI_H_
