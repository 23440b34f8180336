// What a connection asks of the executor about the node's own keys and certificate.
#ifndef BPA_AGENT_EXECUTOR_IDENTITY_HANDLER_H_
#define BPA_AGENT_EXECUTOR_IDENTITY_HANDLER_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/executor/request_handler.h"

namespace bpa::executor {

// Safe to call from several threads. Refusals carry the codes that enrollment.proto and
// agent_service.proto list.
class IdentityHandler {
 public:
  virtual ~IdentityHandler() = default;

  // `nonce` is the controller's; returns a serialized EnrollmentOffer.
  virtual absl::StatusOr<std::string> BeginEnrollment(std::string_view nonce) = 0;
  // `body` is the frame's: kProofBytes of proof, then a certificate in PEM.
  virtual absl::Status CompleteEnrollment(std::string_view body) = 0;
  // `envelope` is signed by an operator and holds a certificate in PEM.
  virtual absl::Status InstallCertificate(std::string_view envelope, RequestSummary& summary) = 0;
};

// Refuses everything with one reason: this node's configuration cannot be used.
class RefusingIdentity : public IdentityHandler {
 public:
  explicit RefusingIdentity(const absl::Status& reason)
      : reason_(absl::FailedPreconditionError(reason.message())) {}

  absl::StatusOr<std::string> BeginEnrollment(std::string_view) override { return reason_; }
  absl::Status CompleteEnrollment(std::string_view) override { return reason_; }
  absl::Status InstallCertificate(std::string_view, RequestSummary&) override { return reason_; }

 private:
  const absl::Status reason_;
};

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_IDENTITY_HANDLER_H_
