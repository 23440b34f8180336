// Makes one node that user-data has installed part of the cluster; the steps are PROTOCOL.md's.
#ifndef BPA_CONTROLLER_ENROLLMENT_H_
#define BPA_CONTROLLER_ENROLLMENT_H_

#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "bpa/v1/enrollment.pb.h"
#include "controller/certificates.h"
#include "controller/cluster.h"
#include "controller/home.h"
#include "proto/enrollment_proof.h"
#include "proto/keys.h"

namespace bpa::controller {

struct EnrollContext {
  std::string cluster;
  const Home& home;
  const Authority& authority;
  const ClientIdentity& identity;
  // Pin another report key than the one that is pinned.
  bool replace = false;
  absl::Duration connect_timeout = absl::Seconds(5);
  // Until when a node that does not answer is asked again: an instance takes minutes to come up.
  absl::Time wait_until = absl::InfinitePast();
};

struct EnrollResult {
  std::string node;
  // OK when the node is one of the cluster now. Unavailable and DeadlineExceeded: it does not
  // answer. Otherwise it, or bpactl, has refused.
  absl::Status status;
  // It was one before.
  bool already = false;
  // The node's clock minus this machine's; known unless it did not answer.
  absl::Duration clock_offset;
};

// Asks the node to prove that it has the join secret, checks that nobody is in between, pins its
// report key, gives it a certificate, looks whether it serves with that, and forgets the secret.
// Broken off at any point, it is finished by doing it again. For one node per call; several threads
// may enrol several nodes.
EnrollResult EnrollNode(const EnrollContext& context, const Node& node);

// What an offer is checked against.
struct OfferCheck {
  std::string cluster;
  std::string node;
  std::string secret;
  std::string controller_nonce;
  // The key at the other end of the connection, DER.
  std::string peer_key;
};

struct CheckedOffer {
  EnrollmentFacts facts;
  PublicKey tls_key;
  PublicKey report_key;
};

// Unauthenticated: not proven with the secret, or by another key than the connection's.
// FailedPrecondition: another node or cluster. Nothing of the offer is parsed before its proof has
// been checked.
absl::StatusOr<CheckedOffer> CheckOffer(const v1::EnrollmentOffer& offer, const OfferCheck& check);

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_ENROLLMENT_H_
