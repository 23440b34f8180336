// What a node serves before and after it has its certificate.
#include "agent/gateway/enrollment_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "bpa/v1/enrollment.pb.h"
#include "proto/frame.h"
#include "tests/agent/gateway/running_server.h"

namespace bpa::gateway {
namespace {

using testing::HasSubstr;

class EnrollmentServiceTest : public ServerFixture {
 protected:
  // The node's certificate is put away; what is served is of the same key and by the same
  // authority, so that the fixture's clients accept it.
  EnrollmentServiceTest() {
    std::filesystem::rename(config_.certificate, scratch_.Path("bootstrap.pem"));
  }

  std::unique_ptr<v1::EnrollmentService::Stub> Stub() const {
    return v1::EnrollmentService::NewStub(Dial(&controller_));
  }
  grpc::Status Begin(const std::string& nonce, v1::BeginEnrollmentResponse* response) const {
    grpc::ClientContext context;
    v1::BeginEnrollmentRequest request;
    request.set_controller_nonce(nonce);
    return Stub()->BeginEnrollment(&context, request, response);
  }
  grpc::Status Complete(const std::string& proof, const std::string& certificate) const {
    grpc::ClientContext context;
    v1::CompleteEnrollmentRequest request;
    request.set_proof(proof);
    request.set_certificate(certificate);
    v1::CompleteEnrollmentResponse response;
    return Stub()->CompleteEnrollment(&context, request, &response);
  }

  const std::string nonce_ = std::string(kNonceBytes, 'n');
  const std::string proof_ = std::string(kProofBytes, 'p');
};

TEST_F(EnrollmentServiceTest, PassesAnOfferAndACompletionOn) {
  v1::EnrollmentOffer offer;
  offer.set_node("node-1");
  std::vector<Frame> asked;
  StandInExecutor executor(config_.executor_socket, [&](int fd, const Frame& request) {
    asked.push_back(request);
    const bool begins = request.type == FrameType::kBeginEnrollment;
    Send(fd, begins ? FrameType::kOffer : FrameType::kDone,
         begins ? offer.SerializeAsString() : "");
  });
  StartServer();
  v1::BeginEnrollmentResponse response;
  const grpc::Status begun = Begin(nonce_, &response);
  ASSERT_TRUE(begun.ok()) << begun.error_message();
  EXPECT_EQ(response.offer().node(), "node-1");
  const grpc::Status completed = Complete(proof_, "certificate");
  ASSERT_TRUE(completed.ok()) << completed.error_message();
  EXPECT_EQ(asked, (std::vector<Frame>{{FrameType::kBeginEnrollment, nonce_},
                                       {FrameType::kCompleteEnrollment, proof_ + "certificate"}}));
}

TEST_F(EnrollmentServiceTest, RefusesWrongSizesWithoutAskingTheExecutor) {
  StandInExecutor executor(config_.executor_socket, [](int, const Frame&) {});
  StartServer();
  v1::BeginEnrollmentResponse response;
  EXPECT_EQ(Begin("short", &response).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(Complete("short", "c").error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(Complete(proof_, "").error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(Complete(proof_, std::string(kMaxCertificateBytes + 1, 'c')).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(executor.connections(), 0);
}

TEST_F(EnrollmentServiceTest, ServesNothingElseUntilTheCertificateIsThereAndThenAllOfIt) {
  StartServer();
  const auto early = Dial(&controller_);
  const grpc::Status status = Describe(early);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(status.error_message(), "this node is not enrolled yet: bpactl enroll node-1");

  std::filesystem::copy_file(scratch_.Path("bootstrap.pem"), config_.certificate);
  EXPECT_TRUE(Describe(Dial(&controller_)).ok());
  // Also on a connection that is older than the certificate.
  EXPECT_TRUE(Describe(early).ok());
}

TEST_F(EnrollmentServiceTest, TalksToControllersOfItsAuthorityOnly) {
  StartServer();
  const Pem node = Issue({.uris = {"bpa://c/node/node-2"}, .usage = "clientAuth"}, &authority_);
  grpc::ClientContext context;
  v1::BeginEnrollmentRequest request;
  request.set_controller_nonce(nonce_);
  v1::BeginEnrollmentResponse response;
  const grpc::Status status =
      v1::EnrollmentService::NewStub(Dial(&node))->BeginEnrollment(&context, request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::PERMISSION_DENIED);
  const Pem other = MakeAuthority();
  const Pem stranger = Issue(ControllerSubject(), &other);
  EXPECT_EQ(Describe(Dial(&stranger)).error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(EnrollmentServiceTest, PassesARenewedCertificateOn) {
  std::filesystem::copy_file(scratch_.Path("bootstrap.pem"), config_.certificate);
  std::vector<Frame> asked;
  StandInExecutor executor(config_.executor_socket, [&](int fd, const Frame& request) {
    asked.push_back(request);
    Send(fd, FrameType::kError, EncodeError(absl::FailedPreconditionError("make a newer one")));
  });
  StartServer();
  grpc::ClientContext context;
  v1::InstallCertificateRequest request;
  request.set_envelope("envelope");
  v1::InstallCertificateResponse response;
  const grpc::Status status = Controller()->InstallCertificate(&context, request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(status.error_message(), "make a newer one");
  EXPECT_EQ(asked, (std::vector<Frame>{{FrameType::kInstallCertificate, "envelope"}}));
}

}  // namespace
}  // namespace bpa::gateway
