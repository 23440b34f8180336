#include "agent/executor/node_identity.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agent/executor/report.h"
#include "bpa/v1/enrollment.pb.h"
#include "proto/envelope.h"
#include "proto/frame.h"
#include "proto/trusted_file.h"
#include "proto/verifier.h"

namespace bpa::executor {
namespace {

constexpr absl::Duration kOfferLifetime = absl::Minutes(10);
constexpr size_t kMaxPemBytes = size_t{256} * 1024;
constexpr size_t kMaxKeyBytes = size_t{16} * 1024;
constexpr unsigned kPublicMode = 0644;

// The commands that give a node another secret are bpactl's to print.
std::string ToEnrollAgain(const std::string& node) {
  return absl::StrCat("to enrol it again, run on it as root what `bpactl user-data ", node,
                      " --rejoin --script` prints");
}

absl::StatusOr<PrivateKey> ReadTlsKey(const std::string& path) {
  const absl::StatusOr<std::string> pem = ReadTrustedFile(path, kMaxKeyBytes, FileSecrecy::kSecret);
  if (absl::IsNotFound(pem.status())) {
    return absl::FailedPreconditionError(absl::StrCat(
        path, " does not exist: on the node, systemctl start bpa-agent-keys.service makes it"));
  }
  if (!pem.ok()) return pem.status();
  absl::StatusOr<PrivateKey> key = PrivateKey::FromPem(*pem);
  if (!key.ok()) {
    return absl::FailedPreconditionError(absl::StrCat(path, ": ", key.status().message()));
  }
  return key;
}

std::string ToMessage(const EnrollmentFacts& facts, const std::string& proof) {
  v1::EnrollmentOffer offer;
  offer.set_cluster(facts.cluster);
  offer.set_node(facts.node);
  offer.set_node_nonce(facts.node_nonce);
  offer.set_certificate_request(facts.certificate_request);
  offer.set_report_public_key(facts.report_public_key);
  offer.set_proof(proof);
  offer.set_now_unix_millis(static_cast<int64_t>(facts.now_unix_millis));
  return offer.SerializeAsString();
}

}  // namespace

absl::StatusOr<std::string> NodeIdentity::ReadJoinSecret() const {
  const std::string& path = config_.join_secret;
  const absl::StatusOr<std::string> text =
      ReadTrustedFile(path, kMaxJoinSecretFileBytes, FileSecrecy::kSecret);
  if (absl::IsNotFound(text.status())) {
    return absl::FailedPreconditionError(
        absl::StrCat("this node has no join secret (", path,
                     "), which enrols a node once: ", ToEnrollAgain(config_.node)));
  }
  if (!text.ok()) return text.status();
  absl::StatusOr<std::string> secret = ParseJoinSecret(*text);
  if (!secret.ok()) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, ": ", secret.status().message(), ": ", ToEnrollAgain(config_.node)));
  }
  return secret;
}

absl::StatusOr<EnrollmentFacts> NodeIdentity::MakeFacts(std::string_view nonce) const {
  const absl::StatusOr<PrivateKey> tls_key = ReadTlsKey(config_.key);
  if (!tls_key.ok()) return tls_key.status();
  const absl::StatusOr<PrivateKey> report_key = LoadReportKey(config_.report_key);
  if (!report_key.ok()) {
    return absl::FailedPreconditionError(
        absl::StrCat(report_key.status().message(),
                     ": on the node, systemctl start bpa-agent-keys.service makes it"));
  }
  absl::StatusOr<std::string> request = MakeCertificateRequest(*tls_key, config_.node);
  if (!request.ok()) return request.status();
  return EnrollmentFacts{
      .cluster = config_.cluster,
      .node = config_.node,
      .controller_nonce = std::string(nonce),
      .node_nonce = RandomBytes(kNonceBytes),
      .certificate_request = *std::move(request),
      .report_public_key = report_key->public_key().der(),
      .now_unix_millis = static_cast<uint64_t>(absl::ToUnixMillis(clock_())),
  };
}

absl::StatusOr<std::string> NodeIdentity::BeginEnrollment(std::string_view nonce) {
  const std::lock_guard lock(mutex_);
  offer_.reset();
  const absl::StatusOr<bool> enrolled = PathExists(config_.certificate);
  if (!enrolled.ok()) return enrolled.status();
  if (*enrolled) {
    // What a crash between the two steps of a completion has left.
    if (absl::Status s = RemoveFileDurably(config_.join_secret); !s.ok()) return s;
    return absl::FailedPreconditionError(absl::StrCat("this node is enrolled already (",
                                                      config_.certificate,
                                                      " is there): ", ToEnrollAgain(config_.node)));
  }
  const absl::StatusOr<std::string> secret = ReadJoinSecret();
  if (!secret.ok()) return secret.status();
  absl::StatusOr<EnrollmentFacts> facts = MakeFacts(nonce);
  if (!facts.ok()) return facts.status();
  offer_ = Offer{.facts = *std::move(facts), .made = clock_()};
  return ToMessage(offer_->facts, NodeProof(*secret, offer_->facts));
}

// With mutex_ held.
absl::StatusOr<NodeIdentity::Offer> NodeIdentity::TakeOffer() {
  const std::optional<Offer> offer = std::exchange(offer_, std::nullopt);
  const absl::Time now = clock_();
  // A clock that was set in between counts as time passed, whichever way.
  if (offer && absl::AbsDuration(now - offer->made) <= kOfferLifetime) return *offer;
  return absl::UnauthenticatedError(
      "no enrolment is under way here: an offer is good for one completion, within ten minutes. "
      "Run `bpactl enroll` again");
}

absl::Status NodeIdentity::Record(v1::AuditRecord record) const {
  if (!audit_) return absl::OkStatus();
  record.set_at_unix_millis(absl::ToUnixMillis(clock_()));
  record.set_agent_version(BPA_VERSION);
  return audit_(record);
}

absl::Status NodeIdentity::CompleteEnrollment(std::string_view body) {
  const std::lock_guard lock(mutex_);
  absl::Status completed = Complete(body);
  if (absl::IsUnauthenticated(completed)) {
    v1::AuditRecord refused;
    refused.set_event(v1::AUDIT_EVENT_REFUSED);
    refused.set_refusal(v1::REFUSAL_REASON_SIGNATURE);
    refused.set_message(absl::StrCat("enrolment: ", completed.message()));
    // Refused it stays, on record or not.
    (void)Record(refused);
  }
  return completed;
}

// With mutex_ held.
absl::Status NodeIdentity::Complete(std::string_view body) {
  const absl::StatusOr<Offer> offer = TakeOffer();
  if (!offer.ok()) return offer.status();
  if (body.size() <= kProofBytes) return absl::InvalidArgumentError("no proof and certificate");
  const std::string_view proof = body.substr(0, kProofBytes);
  const std::string_view certificate = body.substr(kProofBytes);
  const absl::StatusOr<std::string> secret = ReadJoinSecret();
  if (!secret.ok()) return secret.status();
  if (!SameProof(ControllerProof(*secret, offer->facts, certificate), proof)) {
    return absl::UnauthenticatedError(
        "the controller does not know this node's join secret: the node was installed with another "
        "home's user-data, or an older one");
  }
  const absl::StatusOr<CertificateCheck> check = WhatFits();
  if (!check.ok()) return check.status();
  const absl::StatusOr<Validity> validity = CheckNodeCertificate(certificate, *check);
  if (!validity.ok()) return validity.status();
  v1::AuditRecord enrolled;
  enrolled.set_event(v1::AUDIT_EVENT_ENROLLED);
  enrolled.set_message(absl::StrCat("certificate until ", absl::FormatTime(validity->until)));
  if (absl::Status s = Record(enrolled); !s.ok()) return s;
  if (absl::Status s = ReplaceCertificate(std::string(certificate)); !s.ok()) return s;
  return RemoveFileDurably(config_.join_secret);
}

absl::StatusOr<CertificateCheck> NodeIdentity::WhatFits() const {
  const absl::StatusOr<PrivateKey> key = ReadTlsKey(config_.key);
  if (!key.ok()) return key.status();
  absl::StatusOr<std::string> ca = ReadTrustedFile(config_.ca, kMaxPemBytes, FileSecrecy::kPublic);
  if (!ca.ok()) return ca.status();
  return CertificateCheck{.cluster = config_.cluster,
                          .node = config_.node,
                          .ca = *std::move(ca),
                          .public_key = key->public_key().der(),
                          .now = clock_()};
}

absl::Status NodeIdentity::ReplaceCertificate(const std::string& pem) const {
  return WriteFileDurably(config_.certificate, pem, kPublicMode);
}

absl::Status NodeIdentity::InstallCertificate(std::string_view envelope, RequestSummary& summary) {
  const absl::StatusOr<Envelope> decoded = DecodeEnvelope(envelope);
  if (!decoded.ok()) return decoded.status();
  const absl::StatusOr<Verifier> verifier = Verifier::FromDirectory(config_.trusted_signers);
  if (!verifier.ok()) return verifier.status();
  const absl::StatusOr<VerifiedPayload> payload =
      verifier->Verify(*decoded, kCertificatePayloadType, 1);
  if (!payload.ok()) return payload.status();
  summary.signers = absl::StrJoin(payload->signers(), ",");
  if (payload->bytes().size() > kMaxCertificateBytes) {
    return absl::InvalidArgumentError(absl::StrCat("the certificate is longer than the ",
                                                   kMaxCertificateBytes, " bytes allowed"));
  }
  const std::lock_guard lock(mutex_);
  const absl::StatusOr<std::string> current =
      ReadTrustedFile(config_.certificate, kMaxPemBytes, FileSecrecy::kPublic);
  if (absl::IsNotFound(current.status())) {
    return absl::FailedPreconditionError(
        absl::StrCat("this node is not enrolled yet: bpactl enroll ", config_.node));
  }
  if (!current.ok()) return current.status();
  if (*current == payload->bytes()) return absl::OkStatus();
  const absl::StatusOr<CertificateCheck> check = WhatFits();
  if (!check.ok()) return check.status();
  const absl::StatusOr<Validity> validity = CheckNodeCertificate(payload->bytes(), *check);
  if (!validity.ok()) return validity.status();
  const auto chain = ParseCertificates(*current);
  const absl::StatusOr<Validity> before =
      chain.ok() ? ValidityOf(*chain->front()) : absl::StatusOr<Validity>(chain.status());
  // What cannot be read is no reason to go on without a certificate.
  if (before.ok() && validity->until <= before->until) {
    return absl::FailedPreconditionError(
        absl::StrCat("the certificate ends at ", absl::FormatTime(validity->until),
                     ", and the one in use not "
                     "before ",
                     absl::FormatTime(before->until), ": make a newer one with `bpactl renew`"));
  }
  v1::AuditRecord installed;
  installed.set_event(v1::AUDIT_EVENT_CERTIFICATE_INSTALLED);
  installed.set_message(absl::StrCat("certificate until ", absl::FormatTime(validity->until)));
  for (const std::string& signer : payload->signers()) installed.add_signers(signer);
  if (absl::Status s = Record(installed); !s.ok()) return s;
  return ReplaceCertificate(payload->bytes());
}

}  // namespace bpa::executor
