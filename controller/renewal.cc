#include "controller/renewal.h"

#include <grpcpp/client_context.h>

#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "bpa/v1/agent_service.grpc.pb.h"
#include "controller/key_channel.h"
#include "controller/node_record.h"
#include "controller/report_text.h"
#include "proto/envelope.h"
#include "proto/x509.h"

namespace bpa::controller {
namespace {

constexpr absl::Duration kAnswerTimeout = absl::Seconds(15);

absl::Status FromGrpc(const Node& node, const grpc::Status& status) {
  const std::string said = Printable(status.error_message());
  const auto code = static_cast<absl::StatusCode>(status.error_code());
  if (code != absl::StatusCode::kUnavailable && code != absl::StatusCode::kDeadlineExceeded) {
    return absl::Status(code, said);
  }
  return absl::Status(code, absl::StrCat("no answer from ", node.address, " (", said,
                                         "): check that bpa-gateway runs there and its port is "
                                         "open"));
}

absl::StatusOr<std::string> SignCertificate(const PrivateKey& signer, const std::string& pem) {
  Envelope envelope{
      .payload_type = std::string(kCertificatePayloadType), .payload = pem, .signatures = {}};
  absl::StatusOr<std::string> signature =
      signer.Sign(PreAuthenticationEncoding(envelope.payload_type, envelope.payload));
  if (!signature.ok()) return signature.status();
  envelope.signatures.push_back(
      {.key_id = signer.public_key().id(), .signature = *std::move(signature)});
  return EncodeEnvelope(envelope);
}

class Renewal {
 public:
  Renewal(const RenewContext& context, const Node& node)
      : context_(context), node_(node), record_(context.home, node.name) {
    result_.node = node.name;
  }

  RenewResult Run() {
    result_.status = Renew();
    return std::move(result_);
  }

 private:
  absl::Status Renew();
  absl::StatusOr<PublicKey> PinnedKey() const;
  absl::Status Describe(v1::AgentService::Stub& stub);
  absl::Status Install(v1::AgentService::Stub& stub, const std::string& certificate);
  void PrepareCall(grpc::ClientContext& rpc) const {
    rpc.set_deadline(absl::ToChronoTime(absl::Now() + context_.connect_timeout + kAnswerTimeout));
  }

  const RenewContext& context_;
  const Node& node_;
  const NodeRecord record_;
  RenewResult result_;
};

absl::StatusOr<PublicKey> Renewal::PinnedKey() const {
  const absl::StatusOr<std::optional<std::string>> pem = record_.ReadCertificate();
  if (!pem.ok()) return pem.status();
  if (!pem->has_value()) {
    return absl::FailedPreconditionError(
        absl::StrCat("its certificate is not known here (nodes/", node_.name,
                     "/node.pem), so its key is not: `bpactl enroll ", node_.name, "` first"));
  }
  const absl::StatusOr<X509Pointer> certificate = ParseOneCertificate(**pem);
  if (!certificate.ok()) return certificate.status();
  return PublicKey::FromDer(PublicKeyDer(**certificate));
}

absl::Status Renewal::Describe(v1::AgentService::Stub& stub) {
  grpc::ClientContext rpc;
  PrepareCall(rpc);
  v1::DescribeResponse said;
  const absl::Time sent = absl::Now();
  const grpc::Status status = stub.Describe(&rpc, {}, &said);
  if (!status.ok()) return FromGrpc(node_, status);
  const absl::Time midway = sent + (absl::Now() - sent) / 2;
  result_.clock_offset = absl::FromUnixMillis(said.now_unix_millis()) - midway;
  result_.expires = absl::FromUnixMillis(said.certificate_expires_at_unix_millis());
  return absl::OkStatus();
}

absl::Status Renewal::Install(v1::AgentService::Stub& stub, const std::string& certificate) {
  const absl::StatusOr<std::string> envelope = SignCertificate(context_.signer, certificate);
  if (!envelope.ok()) return envelope.status();
  v1::InstallCertificateRequest request;
  request.set_envelope(*envelope);
  grpc::ClientContext rpc;
  PrepareCall(rpc);
  v1::InstallCertificateResponse response;
  const grpc::Status status = stub.InstallCertificate(&rpc, request, &response);
  return status.ok() ? absl::OkStatus() : FromGrpc(node_, status);
}

absl::Status Renewal::Renew() {
  const absl::StatusOr<PublicKey> key = PinnedKey();
  if (!key.ok()) return key.status();
  const auto dial = [&] {
    return v1::AgentService::NewStub(
        DialKey(context_.identity, node_, key->der(), context_.connect_timeout).channel);
  };
  const auto stub = dial();
  if (absl::Status s = Describe(*stub); !s.ok()) return s;
  const absl::Time now = absl::Now();
  if (result_.expires - now >= context_.within) return absl::OkStatus();
  const absl::StatusOr<std::string> certificate = IssueNodeCertificate(
      context_.authority, *key, context_.cluster, node_,
      {.now = now, .node_now = now + result_.clock_offset, .after = result_.expires});
  if (!certificate.ok()) return certificate.status();
  if (absl::Status s = Install(*stub, *certificate); !s.ok()) return s;
  result_.renewed = true;
  if (absl::Status s = record_.SaveCertificate(*certificate); !s.ok()) return s;
  // A handshake of its own: it takes the new certificate into use.
  return Describe(*dial());
}

}  // namespace

RenewResult RenewNode(const RenewContext& context, const Node& node) {
  return Renewal(context, node).Run();
}

}  // namespace bpa::controller
