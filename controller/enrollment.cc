#include "controller/enrollment.h"

#include <grpc/grpc_security_constants.h>
#include <grpcpp/client_context.h>

#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "bpa/v1/agent_service.grpc.pb.h"
#include "bpa/v1/enrollment.grpc.pb.h"
#include "controller/channel.h"
#include "controller/key_channel.h"
#include "controller/node_record.h"
#include "controller/report_text.h"
#include "proto/nonce.h"

namespace bpa::controller {
namespace {

// For one answer once there is a connection: the executor has to start first.
constexpr absl::Duration kAnswerTimeout = absl::Seconds(15);
// Between two attempts at a node that does not answer yet.
constexpr absl::Duration kPause = absl::Seconds(1);

absl::Status FromGrpc(const grpc::Status& status) {
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()),
                      Printable(status.error_message()));
}

bool IsUnreachable(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status);
}

// One run with one node.
class Enrolment {
 public:
  Enrolment(const EnrollContext& context, const Node& node)
      : context_(context), node_(node), record_(context.home, node.name) {
    result_.node = node.name;
  }

  EnrollResult Run() {
    result_.status = Enroll();
    return std::move(result_);
  }

 private:
  absl::Status Enroll();
  absl::StatusOr<v1::EnrollmentOffer> Begin(v1::EnrollmentService::Stub& stub,
                                            const std::string& nonce);
  absl::Status Complete(v1::EnrollmentService::Stub& stub, const CheckedOffer& offer,
                        const std::string& secret);
  absl::Status FinishIfEnrolled(const absl::Status& refusal);
  absl::Status LookAtIt();
  absl::Status Unreachable(const absl::Status& status) const;
  void PrepareCall(grpc::ClientContext& rpc) const {
    rpc.set_deadline(absl::ToChronoTime(absl::Now() + context_.connect_timeout + kAnswerTimeout));
  }

  const EnrollContext& context_;
  const Node& node_;
  const NodeRecord record_;
  EnrollResult result_;
};

absl::Status Enrolment::Unreachable(const absl::Status& status) const {
  if (!IsUnreachable(status)) return status;
  return absl::Status(status.code(),
                      absl::StrCat("no answer from ", node_.address, " (", status.message(),
                                   "): is it up, does bpa-gateway run there, is its port open? A "
                                   "node of another home's authority hangs up, too"));
}

absl::StatusOr<v1::EnrollmentOffer> Enrolment::Begin(v1::EnrollmentService::Stub& stub,
                                                     const std::string& nonce) {
  grpc::ClientContext rpc;
  PrepareCall(rpc);
  v1::BeginEnrollmentRequest request;
  request.set_controller_nonce(nonce);
  v1::BeginEnrollmentResponse response;
  const absl::Time sent = absl::Now();
  const grpc::Status status = stub.BeginEnrollment(&rpc, request, &response);
  if (!status.ok()) return FromGrpc(status);
  const absl::Time midway = sent + (absl::Now() - sent) / 2;
  result_.clock_offset = absl::FromUnixMillis(response.offer().now_unix_millis()) - midway;
  return std::move(*response.mutable_offer());
}

absl::Status Enrolment::Complete(v1::EnrollmentService::Stub& stub, const CheckedOffer& offer,
                                 const std::string& secret) {
  const absl::Time now = absl::Now();
  const absl::StatusOr<std::string> certificate =
      IssueNodeCertificate(context_.authority, offer.tls_key, context_.cluster, node_,
                           {.now = now, .node_now = now + result_.clock_offset});
  if (!certificate.ok()) return certificate.status();
  v1::CompleteEnrollmentRequest request;
  request.set_certificate(*certificate);
  request.set_proof(ControllerProof(secret, offer.facts, *certificate));
  grpc::ClientContext rpc;
  PrepareCall(rpc);
  v1::CompleteEnrollmentResponse response;
  const grpc::Status status = stub.CompleteEnrollment(&rpc, request, &response);
  if (status.ok()) return absl::OkStatus();
  absl::Status said = FromGrpc(status);
  if (!IsUnreachable(said)) return said;
  return absl::Status(said.code(), absl::StrCat("the connection was lost (", said.message(),
                                                ") after the certificate was sent: run "
                                                "`bpactl enroll ",
                                                node_.name, "` again, which finds out"));
}

// Whether the node serves with a certificate of our authority. Keeps that.
absl::Status Enrolment::LookAtIt() {
  const std::shared_ptr<grpc::Channel> channel =
      Dialer(context_.identity).Dial(node_, context_.connect_timeout);
  grpc::ClientContext rpc;
  PrepareCall(rpc);
  v1::DescribeResponse said;
  const absl::Time sent = absl::Now();
  const grpc::Status status = v1::AgentService::NewStub(channel)->Describe(&rpc, {}, &said);
  if (!status.ok()) return FromGrpc(status);
  if (said.node() != node_.name || said.cluster() != context_.cluster) {
    return absl::FailedPreconditionError(absl::StrCat(
        node_.address, " says that it is \"", Printable(said.node()), "\" of \"",
        Printable(said.cluster()), "\": correct the address in cluster.yaml or its agent.yaml"));
  }
  const absl::Time midway = sent + (absl::Now() - sent) / 2;
  result_.clock_offset = absl::FromUnixMillis(said.now_unix_millis()) - midway;
  const auto certificates =
      rpc.auth_context()->FindPropertyValues(GRPC_X509_PEM_CERT_PROPERTY_NAME);
  if (certificates.size() != 1) return absl::InternalError("no certificate at the other end");
  return record_.SaveCertificate(std::string(certificates[0].data(), certificates[0].size()));
}

// A node that says that it is enrolled, or has no secret: with us, if it can show so.
absl::Status Enrolment::FinishIfEnrolled(const absl::Status& refusal) {
  const absl::StatusOr<std::optional<PublicKey>> pinned = record_.ReadReportKey();
  if (!pinned.ok()) return pinned.status();
  if (!LookAtIt().ok()) return refusal;
  if (!pinned->has_value()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "it is enrolled, but its report key is not known here (nodes/", node_.name,
        "/report.pem): use the home that enrolled it, or enrol it again with `bpactl user-data ",
        node_.name, " --rejoin`"));
  }
  result_.already = true;
  return record_.BurnJoinSecret();
}

absl::Status Enrolment::Enroll() {
  const absl::StatusOr<std::optional<std::string>> secret = record_.ReadJoinSecret();
  if (!secret.ok()) return secret.status();
  const KeyChannel connection = DialKey(context_.identity, node_, "", context_.connect_timeout);
  const auto stub = v1::EnrollmentService::NewStub(connection.channel);
  const std::string nonce = RandomBytes(kNonceBytes);
  const absl::StatusOr<v1::EnrollmentOffer> offer = Begin(*stub, nonce);
  if (absl::IsFailedPrecondition(offer.status())) return FinishIfEnrolled(offer.status());
  if (!offer.ok()) return Unreachable(offer.status());
  if (!secret->has_value()) {
    return absl::FailedPreconditionError(
        absl::StrCat("this home has no join secret for it: install it with what `bpactl user-data ",
                     node_.name, "` prints"));
  }
  const absl::StatusOr<CheckedOffer> checked =
      CheckOffer(*offer, {.cluster = context_.cluster,
                          .node = node_.name,
                          .secret = **secret,
                          .controller_nonce = nonce,
                          .peer_key = connection.peer->Get()});
  if (!checked.ok()) return checked.status();
  // Before the node can sign anything that we would have to believe.
  absl::Status status = record_.PinReportKey(checked->report_key, context_.replace);
  if (!status.ok()) return status;
  status = Complete(*stub, *checked, **secret);
  if (!status.ok()) return status;
  status = LookAtIt();
  if (!status.ok()) {
    return absl::Status(status.code(),
                        absl::StrCat("it took its certificate but does not serve with it yet (",
                                     status.message(), "): run `bpactl enroll ", node_.name,
                                     "` again; on the node, journalctl -u bpa-gateway"));
  }
  return record_.BurnJoinSecret();
}

}  // namespace

absl::StatusOr<CheckedOffer> CheckOffer(const v1::EnrollmentOffer& offer, const OfferCheck& check) {
  if (offer.node_nonce().size() != kNonceBytes || offer.proof().size() != kProofBytes) {
    return absl::UnauthenticatedError("the node's offer is malformed");
  }
  EnrollmentFacts facts{.cluster = offer.cluster(),
                        .node = offer.node(),
                        .controller_nonce = check.controller_nonce,
                        .node_nonce = offer.node_nonce(),
                        .certificate_request = offer.certificate_request(),
                        .report_public_key = offer.report_public_key(),
                        .now_unix_millis = static_cast<uint64_t>(offer.now_unix_millis())};
  if (!SameProof(NodeProof(check.secret, facts), offer.proof())) {
    return absl::UnauthenticatedError(
        "it does not know the join secret: it was installed with older or another home's "
        "user-data, or it is not the node. Install it with what `bpactl user-data` prints now");
  }
  if (facts.cluster != check.cluster || facts.node != check.node) {
    return absl::FailedPreconditionError(
        absl::StrCat("it is '", Printable(facts.node), "' of cluster '", Printable(facts.cluster),
                     "': correct the address in cluster.yaml or the node's agent.yaml"));
  }
  absl::StatusOr<PublicKey> tls_key = RequestedKey(facts.certificate_request);
  if (!tls_key.ok()) return absl::UnauthenticatedError(tls_key.status().message());
  if (tls_key->der() != check.peer_key) {
    return absl::UnauthenticatedError(
        "SOMEBODY IS BETWEEN this machine and the node: the key at the other end of the connection "
        "is not the node's. Nothing was given away; find out who answers at the node's address");
  }
  absl::StatusOr<PublicKey> report_key = PublicKey::FromDer(facts.report_public_key);
  if (!report_key.ok()) return absl::UnauthenticatedError(report_key.status().message());
  return CheckedOffer{.facts = std::move(facts),
                      .tls_key = *std::move(tls_key),
                      .report_key = *std::move(report_key)};
}

EnrollResult EnrollNode(const EnrollContext& context, const Node& node) {
  while (true) {
    EnrollResult result = Enrolment(context, node).Run();
    if (!IsUnreachable(result.status) || absl::Now() + kPause > context.wait_until) return result;
    absl::SleepFor(kPause);
  }
}

}  // namespace bpa::controller
