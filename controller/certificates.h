// The cluster's X.509 certificates: who may talk to whom. Commands are signed besides.
//
// Every certificate says by a URI what it stands for, and of which cluster:
//   bpa://<cluster>/ca                 the authority; signs the others, for ten years
//   bpa://<cluster>/node/<name>        a gateway; serverAuth, one year
//   bpa://<cluster>/controller/<name>  a bpactl; clientAuth, one year
// All keys are ECDSA P-256, serial numbers random. Validity begins an hour early, for clocks that
// are behind.
#ifndef BPA_CONTROLLER_CERTIFICATES_H_
#define BPA_CONTROLLER_CERTIFICATES_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "proto/keys.h"

namespace bpa::controller {

struct Authority {
  std::string certificate_pem;
  PrivateKey key;
};

// Names are well-formed as NameProblem has it. Returns PEM, as all functions here.
absl::StatusOr<std::string> MakeAuthorityCertificate(const PrivateKey& key,
                                                     const std::string& cluster, absl::Time now);

// `host` is where the node is dialled: an IP address or a host name. Names in the certificate:
// the node's own as DNS name, `host`, and the URI.
absl::StatusOr<std::string> IssueNodeCertificate(const Authority& authority, const PublicKey& key,
                                                 const std::string& cluster,
                                                 const std::string& node, const std::string& host,
                                                 absl::Time now);

absl::StatusOr<std::string> IssueControllerCertificate(const Authority& authority,
                                                       const PublicKey& key,
                                                       const std::string& cluster,
                                                       const std::string& name, absl::Time now);

// The cluster that an authority's certificate is of. InvalidArgument when it is none of ours.
absl::StatusOr<std::string> AuthorityCluster(const std::string& certificate_pem);

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_CERTIFICATES_H_
