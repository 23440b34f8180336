#include "agent/gateway/enrollment_service.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "agent/gateway/request.h"

namespace bpa::gateway {
namespace {

absl::Status WrongSize(const char* field, const std::string& expected) {
  return absl::InvalidArgumentError(absl::StrCat(field, ": expected ", expected, " bytes"));
}

}  // namespace

grpc::Status EnrollmentService::BeginEnrollment(grpc::ServerContext* context,
                                                const v1::BeginEnrollmentRequest* request,
                                                v1::BeginEnrollmentResponse* response) {
  const std::string& nonce = request->controller_nonce();
  return Serve("BeginEnrollment", *context, peers_, nonce.size(), [&]() -> absl::Status {
    if (nonce.size() != kNonceBytes) {
      return WrongSize("controller_nonce", absl::StrCat(kNonceBytes));
    }
    const absl::StatusOr<std::string> offer =
        RelayShort(*context, {FrameType::kBeginEnrollment, nonce}, FrameType::kOffer, executor_);
    if (!offer.ok()) return offer.status();
    if (response->mutable_offer()->ParseFromString(*offer)) return absl::OkStatus();
    return absl::InternalError("executor sent an offer that cannot be read");
  });
}

grpc::Status EnrollmentService::CompleteEnrollment(grpc::ServerContext* context,
                                                   const v1::CompleteEnrollmentRequest* request,
                                                   v1::CompleteEnrollmentResponse*) {
  const std::string& certificate = request->certificate();
  return Serve("CompleteEnrollment", *context, peers_, certificate.size(), [&]() -> absl::Status {
    if (request->proof().size() != kProofBytes) {
      return WrongSize("proof", absl::StrCat(kProofBytes));
    }
    if (certificate.empty() || certificate.size() > kMaxCertificateBytes) {
      return WrongSize("certificate", absl::StrCat("1 to ", kMaxCertificateBytes));
    }
    return RelayShort(*context,
                      {FrameType::kCompleteEnrollment, absl::StrCat(request->proof(), certificate)},
                      FrameType::kDone, executor_)
        .status();
  });
}

}  // namespace bpa::gateway
