#include "controller/key_channel.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_certificate_verifier.h>
#include <grpcpp/security/tls_credentials_options.h>

#include <functional>
#include <utility>
#include <vector>

#include "controller/channel.h"
#include "proto/x509.h"

namespace bpa::controller {
namespace {

namespace tls = grpc::experimental;

class KeyVerifier final : public tls::ExternalCertificateVerifier {
 public:
  KeyVerifier(std::string expected, std::shared_ptr<PeerKey> peer)
      : expected_(std::move(expected)), peer_(std::move(peer)) {}

  bool Verify(tls::TlsCustomVerificationCheckRequest* request, std::function<void(grpc::Status)>,
              grpc::Status* status) override {
    *status = Check(request->peer_cert());
    return true;
  }
  void Cancel(tls::TlsCustomVerificationCheckRequest*) override {}

 private:
  grpc::Status Check(const grpc::string_ref& pem) {
    const absl::StatusOr<X509Pointer> certificate =
        ParseOneCertificate(std::string_view(pem.data(), pem.size()));
    const std::string key = certificate.ok() ? PublicKeyDer(**certificate) : "";
    if (key.empty()) {
      return {grpc::StatusCode::UNAUTHENTICATED, "the node's certificate cannot be read"};
    }
    if (!expected_.empty() && key != expected_) {
      return {grpc::StatusCode::UNAUTHENTICATED,
              "who answers there does not have the node's key: another instance, or somebody in "
              "between"};
    }
    // Of a reconnection, too.
    if (const std::string before = peer_->Get(); !before.empty() && key != before) {
      return {grpc::StatusCode::UNAUTHENTICATED, "somebody else answers than before"};
    }
    peer_->Set(key);
    return grpc::Status::OK;
  }

  const std::string expected_;
  const std::shared_ptr<PeerKey> peer_;
};

}  // namespace

KeyChannel DialKey(const ClientIdentity& identity, const Node& node, const std::string& expected,
                   absl::Duration connect_timeout) {
  auto peer = std::make_shared<PeerKey>();
  tls::TlsChannelCredentialsOptions options;
  options.set_certificate_provider(std::make_shared<tls::StaticDataCertificateProvider>(
      identity.ca_certificate,
      std::vector<tls::IdentityKeyCertPair>{{identity.private_key, identity.certificate}}));
  options.watch_root_certs();
  options.watch_identity_key_cert_pairs();
  // The chain is what is not known here; the handshake itself proves the key.
  options.set_verify_server_certs(false);
  options.set_check_call_host(false);
  options.set_certificate_verifier(
      tls::ExternalCertificateVerifier::Create<KeyVerifier>(expected, peer));
  grpc::ChannelArguments arguments = NodeChannelArguments(connect_timeout);
  arguments.SetSslTargetNameOverride(node.name);
  return {.channel = grpc::CreateCustomChannel(ChannelTarget(node.address),
                                               tls::TlsCredentials(options), arguments),
          .peer = std::move(peer)};
}

}  // namespace bpa::controller
