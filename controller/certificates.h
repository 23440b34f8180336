// The cluster's X.509 certificates: who may talk to whom. Commands are signed besides.
//
// Every certificate says by a URI what it stands for, and of which cluster:
//   bpa://<cluster>/ca                 the authority; signs the others, for ten years
//   bpa://<cluster>/node/<name>        a gateway; serverAuth, one year
//   bpa://<cluster>/controller/<name>  a bpactl; clientAuth, one year
// Keys made here are ECDSA P-256, serial numbers random. Validity begins early, for clocks that are
// behind: an hour for nodes; a year for the authority and for controllers, which a node checks by
// its own clock before it can even say that this clock is wrong.
#ifndef BPA_CONTROLLER_CERTIFICATES_H_
#define BPA_CONTROLLER_CERTIFICATES_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "controller/cluster.h"
#include "proto/keys.h"

namespace bpa::controller {

struct Authority {
  std::string certificate_pem;
  PrivateKey key;
};

// Names are well-formed as NameProblem has it. Returns PEM, as all functions here.
absl::StatusOr<std::string> MakeAuthorityCertificate(const PrivateKey& key,
                                                     const std::string& cluster, absl::Time now);

// Validity covers both clocks, however far apart they are, and ends after `after`.
struct IssueTimes {
  absl::Time now;
  absl::Time node_now;
  absl::Time after = absl::InfinitePast();
};

// Names in the certificate: the node's own as DNS name, the host at which it is dialled (an IP
// address or a DNS name), and the URI.
absl::StatusOr<std::string> IssueNodeCertificate(const Authority& authority, const PublicKey& key,
                                                 const std::string& cluster, const Node& node,
                                                 const IssueTimes& times);

absl::StatusOr<std::string> IssueControllerCertificate(const Authority& authority,
                                                       const PublicKey& key,
                                                       const std::string& cluster,
                                                       const std::string& name, absl::Time now);

// The key in a certificate request, whose signature shows that the requester has it. PKCS #10 in
// DER with nothing after it; InvalidArgument otherwise.
absl::StatusOr<PublicKey> RequestedKey(const std::string& certificate_request);

// The cluster that an authority's certificate is of. InvalidArgument when it is none of ours.
absl::StatusOr<std::string> AuthorityCluster(const std::string& certificate_pem);

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_CERTIFICATES_H_
