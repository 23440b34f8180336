// How a node gets its certificate: by enrolment, once, and by renewal ever after.
#ifndef BPA_AGENT_EXECUTOR_NODE_IDENTITY_H_
#define BPA_AGENT_EXECUTOR_NODE_IDENTITY_H_

#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/executor/config.h"
#include "agent/executor/identity_handler.h"
#include "agent/executor/node_certificate.h"
#include "bpa/v1/audit.pb.h"
#include "proto/enrollment_proof.h"

namespace bpa::executor {

// Adds to the node's audit record; a failure keeps what it tells of from being done.
using AuditWriter = std::function<absl::Status(const v1::AuditRecord&)>;

// Reads its files anew for each request; an offer lives in memory, and dies with the process.
class NodeIdentity : public IdentityHandler {
 public:
  // `config` must outlive it. `audit` may be empty: a node whose journal cannot be opened can still
  // be given a certificate, and only the log tells of it.
  NodeIdentity(const Config& config, std::function<absl::Time()> clock, AuditWriter audit = nullptr)
      : config_(config), clock_(std::move(clock)), audit_(std::move(audit)) {}

  // FailedPrecondition: enrolled already, no join secret, no keys.
  absl::StatusOr<std::string> BeginEnrollment(std::string_view nonce) override;
  // Unauthenticated before anything of the certificate is looked at, unless the proof is made with
  // this node's secret over the last offer and the certificate; InvalidArgument when that is not
  // this node's. Writes the certificate, then removes the secret, each durably. Every attempt uses
  // up the offer.
  absl::Status CompleteEnrollment(std::string_view body) override;
  // A certificate that ends later than the one in use, for the same key, signed by one trusted
  // signer. The one in use again: nothing to do.
  absl::Status InstallCertificate(std::string_view envelope, RequestSummary& summary) override;

 private:
  struct Offer {
    EnrollmentFacts facts;
    absl::Time made;
  };

  absl::StatusOr<std::string> ReadJoinSecret() const;
  absl::StatusOr<EnrollmentFacts> MakeFacts(std::string_view nonce) const;
  absl::StatusOr<Offer> TakeOffer();
  absl::Status Complete(std::string_view body);
  // `record` lacks only time and version.
  absl::Status Record(v1::AuditRecord record) const;
  absl::StatusOr<CertificateCheck> WhatFits() const;
  absl::Status ReplaceCertificate(const std::string& pem) const;

  const Config& config_;
  const std::function<absl::Time()> clock_;
  const AuditWriter audit_;
  std::mutex mutex_;
  std::optional<Offer> offer_;  // guarded by mutex_
};

// Makes what is missing of a node's own keys: the report key, the gateway's TLS key, and the
// bootstrap certificate for that; each durably and at once, never in the place of anything. Also
// removes a join secret that a crash has left beside the certificate. NotFound when the gateway's
// user does not exist.
absl::Status MakeKeys(const Config& config);

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_NODE_IDENTITY_H_
