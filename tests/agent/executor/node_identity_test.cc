#include "agent/executor/node_identity.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "bpa/v1/enrollment.pb.h"
#include "controller/certificates.h"
#include "gtest/gtest.h"
#include "proto/bootstrap.h"
#include "proto/envelope.h"
#include "proto/frame.h"
#include "proto/trusted_file.h"
#include "tests/agent/executor/support.h"

namespace bpa::executor {
namespace {

using controller::Authority;
using controller::IssueTimes;

constexpr absl::Duration kYear = absl::Hours(24 * 365);

std::string ReadFile(const std::string& path) {
  return ReadTrustedFile(path, 1 << 20, FileSecrecy::kPublic).value_or("");
}
mode_t ModeOf(const std::string& path) {
  struct stat info {};
  EXPECT_EQ(stat(path.c_str(), &info), 0) << path;
  return info.st_mode & 07777;
}

Authority MakeAuthority() {
  PrivateKey key = *PrivateKey::GenerateEcdsaP256();
  std::string pem = *controller::MakeAuthorityCertificate(key, "bpa-test", TestNow());
  return {.certificate_pem = std::move(pem), .key = std::move(key)};
}

// A node as user-data leaves it, and what a controller does with it.
class NodeIdentityTest : public testing::Test {
 protected:
  NodeIdentityTest() {
    config_.cluster = "bpa-test";
    config_.node = "node-1";
    config_.gateway_user = std::to_string(geteuid());
    config_.trusted_signers = directory_ / "signers";
    config_.report_key = directory_ / "report.key";
    config_.join_secret = directory_ / "join.secret";
    config_.ca = directory_ / "ca.pem";
    config_.certificate = directory_ / "node.pem";
    config_.key = directory_ / "node.key";
    EXPECT_EQ(mkdir(config_.trusted_signers.c_str(), 0755), 0);
    WriteFile(config_.trusted_signers + "/alice.pem", signer_.public_key().ToPem());
    WriteFile(config_.ca, authority_.certificate_pem);
    GiveSecret(secret_);
    EXPECT_THAT(MakeKeys(config_), IsOk());
  }

  void GiveSecret(const std::string& secret) const {
    WriteFile(config_.join_secret, FormatJoinSecret(secret), 0600);
  }
  bool Has(const std::string& path) const { return std::filesystem::exists(path); }

  // Asks for an offer and keeps what it says.
  absl::Status Begin() {
    const absl::StatusOr<std::string> bytes = identity_.BeginEnrollment(nonce_);
    if (!bytes.ok()) return bytes.status();
    v1::EnrollmentOffer offer;
    EXPECT_TRUE(offer.ParseFromString(*bytes));
    facts_ = {.cluster = offer.cluster(),
              .node = offer.node(),
              .controller_nonce = nonce_,
              .node_nonce = offer.node_nonce(),
              .certificate_request = offer.certificate_request(),
              .report_public_key = offer.report_public_key(),
              .now_unix_millis = static_cast<uint64_t>(offer.now_unix_millis())};
    proof_ = offer.proof();
    return absl::OkStatus();
  }
  PublicKey TlsKey() const {
    const PrivateKey key = *PrivateKey::FromPem(ReadFile(config_.key));
    return *PublicKey::FromDer(key.public_key().der());
  }
  // For the node's key, by default.
  std::string Issue(const Authority& authority, const std::string& node = "node-1",
                    const IssueTimes& times = {.now = TestNow(), .node_now = TestNow()}) const {
    return *controller::IssueNodeCertificate(
        authority, TlsKey(), "bpa-test",
        {.name = node, .address = "10.0.1.11:7443", .role = "", .volumes = {}}, times);
  }
  absl::Status Complete(const std::string& certificate) {
    return identity_.CompleteEnrollment(
        absl::StrCat(ControllerProof(secret_, facts_, certificate), certificate));
  }
  void Enrol() {
    ASSERT_THAT(Begin(), IsOk());
    ASSERT_THAT(Complete(Issue(authority_)), IsOk());
  }
  absl::Status Install(const std::string& certificate, const PrivateKey& signer,
                       std::string_view type = kCertificatePayloadType) {
    RequestSummary summary;
    return identity_.InstallCertificate(SignPayload(certificate, {&signer}, type), summary);
  }
  std::string Later() const {
    return Issue(authority_, "node-1",
                 {.now = TestNow(), .node_now = TestNow(), .after = TestNow() + 2 * kYear});
  }
  void ExpectUntouched() const {
    EXPECT_FALSE(Has(config_.certificate));
    EXPECT_TRUE(Has(config_.join_secret));
  }

  TemporaryDirectory directory_;
  Config config_;
  absl::Time now_ = TestNow();
  const PrivateKey signer_ = NewKey();
  const Authority authority_ = MakeAuthority();
  std::string secret_ = RandomBytes(kJoinSecretBytes);
  const std::string nonce_ = RandomBytes(kNonceBytes);
  EnrollmentFacts facts_;
  std::string proof_;
  std::vector<v1::AuditRecord> audited_;
  absl::Status audit_status_;
  NodeIdentity identity_{config_, [this] { return now_; },
                         [this](const v1::AuditRecord& record) {
                           if (audit_status_.ok()) audited_.push_back(record);
                           return audit_status_;
                         }};
};

TEST_F(NodeIdentityTest, ProvesItsSecretOverAllThatItOffers) {
  ASSERT_THAT(Begin(), IsOk());
  EXPECT_EQ(proof_, NodeProof(secret_, facts_));
  EXPECT_EQ(facts_.cluster, "bpa-test");
  EXPECT_EQ(facts_.node, "node-1");
  EXPECT_EQ(controller::RequestedKey(facts_.certificate_request)->der(), TlsKey().der());
  EXPECT_EQ(facts_.report_public_key,
            PrivateKey::FromPem(ReadFile(config_.report_key))->public_key().der());
  EXPECT_EQ(facts_.now_unix_millis, static_cast<uint64_t>(absl::ToUnixMillis(TestNow())));
}

TEST_F(NodeIdentityTest, TakesItsCertificateAndForgetsTheSecret) {
  ASSERT_THAT(Begin(), IsOk());
  const std::string certificate = Issue(authority_);
  EXPECT_THAT(Complete(certificate), IsOk());
  EXPECT_EQ(ReadFile(config_.certificate), certificate);
  EXPECT_EQ(ModeOf(config_.certificate), 0644u);
  EXPECT_FALSE(Has(config_.join_secret));
  EXPECT_THAT(Begin(), StatusIs(absl::StatusCode::kFailedPrecondition, "enrolled already"));
}

TEST_F(NodeIdentityTest, RefusesAProofWithAnotherSecretBeforeItLooksAtTheCertificate) {
  ASSERT_THAT(Begin(), IsOk());
  secret_ = RandomBytes(kJoinSecretBytes);
  EXPECT_THAT(
      Complete("not even a certificate"),
      StatusIs(absl::StatusCode::kUnauthenticated, "does not know this node's join secret"));
  ExpectUntouched();
}

TEST_F(NodeIdentityTest, RefusesACertificateThatTheProofDoesNotCover) {
  ASSERT_THAT(Begin(), IsOk());
  const std::string proof = ControllerProof(secret_, facts_, Issue(authority_));
  EXPECT_THAT(identity_.CompleteEnrollment(absl::StrCat(proof, Issue(authority_))),
              StatusIs(absl::StatusCode::kUnauthenticated, "join secret"));
  ExpectUntouched();
}

TEST_F(NodeIdentityTest, TakesNoRecordedProofAgain) {
  ASSERT_THAT(Begin(), IsOk());
  const std::string certificate = Issue(authority_);
  const std::string recorded =
      absl::StrCat(ControllerProof(secret_, facts_, certificate), certificate);
  // The same controller nonce again: the node's is new.
  ASSERT_THAT(Begin(), IsOk());
  EXPECT_THAT(identity_.CompleteEnrollment(recorded),
              StatusIs(absl::StatusCode::kUnauthenticated, ""));
  ExpectUntouched();
}

TEST_F(NodeIdentityTest, AnOfferIsGoodForOneAttemptAndTenMinutes) {
  EXPECT_THAT(Complete("x"), StatusIs(absl::StatusCode::kUnauthenticated, "no enrolment is under"));
  ASSERT_THAT(Begin(), IsOk());
  const std::string certificate = Issue(authority_);
  EXPECT_THAT(identity_.CompleteEnrollment(absl::StrCat(std::string(32, 'x'), certificate)),
              StatusIs(absl::StatusCode::kUnauthenticated, "join secret"));
  EXPECT_THAT(Complete(certificate),
              StatusIs(absl::StatusCode::kUnauthenticated, "one completion"));

  for (const absl::Duration later : {absl::Minutes(11), -absl::Minutes(11)}) {
    now_ = TestNow();
    ASSERT_THAT(Begin(), IsOk());
    now_ += later;
    EXPECT_THAT(Complete(certificate), StatusIs(absl::StatusCode::kUnauthenticated, "ten minutes"));
  }
  ExpectUntouched();
}

TEST_F(NodeIdentityTest, RefusesACertificateThatIsNotItsOwn) {
  const Authority other = MakeAuthority();
  const std::string another_key = *controller::IssueNodeCertificate(
      authority_, PrivateKey::GenerateEcdsaP256()->public_key(), "bpa-test",
      {.name = "node-1", .address = "10.0.1.11:7443", .role = "", .volumes = {}},
      {.now = now_, .node_now = now_});
  const absl::Time past = now_ - 2 * kYear;
  const absl::Time future = now_ + kYear;
  const std::pair<std::string, const char*> cases[] = {
      {Issue(other), "not by this node's authority"},
      {Issue(authority_, "node-2"), "this node is bpa://bpa-test/node/node-1"},
      {another_key, "for another key"},
      {*controller::IssueControllerCertificate(authority_, TlsKey(), "bpa-test", "x", now_),
       "this node is"},
      {Issue(authority_, "node-1", {.now = past, .node_now = past}), "this node's clock says"},
      {Issue(authority_, "node-1", {.now = future, .node_now = future}), "set the clock"},
      {Issue(authority_) + Issue(authority_), "expected one certificate"},
      {"rubbish", "expected one certificate"},
  };
  for (const auto& [certificate, complaint] : cases) {
    ASSERT_THAT(Begin(), IsOk());
    EXPECT_THAT(Complete(certificate), StatusIs(absl::StatusCode::kInvalidArgument, complaint));
    ExpectUntouched();
  }
}

TEST_F(NodeIdentityTest, WithoutAGoodSecretItSaysHowToGetOne) {
  WriteFile(config_.join_secret, "short\n", 0600);
  EXPECT_THAT(Begin(), StatusIs(absl::StatusCode::kFailedPrecondition, "64 hexadecimal digits"));
  WriteFile(config_.join_secret, FormatJoinSecret(secret_), 0644);
  EXPECT_THAT(Begin(), StatusIs(absl::StatusCode::kFailedPrecondition, "chmod o="));
  std::filesystem::remove(config_.join_secret);
  EXPECT_THAT(Begin(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                "bpactl user-data node-1 --rejoin --script"));
}

TEST_F(NodeIdentityTest, WithoutKeysItSaysWhatMakesThem) {
  std::filesystem::remove(config_.report_key);
  EXPECT_THAT(Begin(), StatusIs(absl::StatusCode::kFailedPrecondition, "bpa-agent-keys.service"));
  std::filesystem::remove(config_.key);
  EXPECT_THAT(Begin(), StatusIs(absl::StatusCode::kFailedPrecondition, "bpa-agent-keys.service"));
}

TEST_F(NodeIdentityTest, RemovesASecretThatACrashLeftBesideTheCertificate) {
  Enrol();
  GiveSecret(secret_);
  EXPECT_THAT(Begin(), StatusIs(absl::StatusCode::kFailedPrecondition, "enrolled already"));
  EXPECT_FALSE(Has(config_.join_secret));
  GiveSecret(secret_);
  EXPECT_THAT(MakeKeys(config_), IsOk());
  EXPECT_FALSE(Has(config_.join_secret));
}

TEST_F(NodeIdentityTest, InstallsALaterCertificateThatATrustedSignerSigned) {
  Enrol();
  const std::string later = Later();
  EXPECT_THAT(Install(later, signer_), IsOk());
  EXPECT_EQ(ReadFile(config_.certificate), later);
  // Sent again after a lost answer.
  EXPECT_THAT(Install(later, signer_), IsOk());
}

TEST_F(NodeIdentityTest, RecordsEnrolmentRenewalAndAProofThatWasWrong) {
  ASSERT_THAT(Begin(), IsOk());
  EXPECT_THAT(identity_.CompleteEnrollment(std::string(kProofBytes, 'x') + Issue(authority_)),
              StatusIs(absl::StatusCode::kUnauthenticated, "join secret"));
  Enrol();
  ASSERT_THAT(Install(Later(), signer_), IsOk());
  ASSERT_EQ(audited_.size(), 3u);
  EXPECT_EQ(audited_[0].event(), v1::AUDIT_EVENT_REFUSED);
  EXPECT_EQ(audited_[0].refusal(), v1::REFUSAL_REASON_SIGNATURE);
  EXPECT_EQ(audited_[1].event(), v1::AUDIT_EVENT_ENROLLED);
  EXPECT_EQ(audited_[2].event(), v1::AUDIT_EVENT_CERTIFICATE_INSTALLED);
  ASSERT_EQ(audited_[2].signers_size(), 1);
  EXPECT_EQ(audited_[2].signers(0), "alice");
  EXPECT_EQ(audited_[2].at_unix_millis(), absl::ToUnixMillis(now_));
}

TEST_F(NodeIdentityTest, DoesNothingThatCannotBeRecorded) {
  audit_status_ = absl::ResourceExhaustedError("no room");
  ASSERT_THAT(Begin(), IsOk());
  EXPECT_THAT(Complete(Issue(authority_)),
              StatusIs(absl::StatusCode::kResourceExhausted, "no room"));
  ExpectUntouched();
}

TEST_F(NodeIdentityTest, InstallsNothingElse) {
  EXPECT_THAT(Install(Later(), signer_),
              StatusIs(absl::StatusCode::kFailedPrecondition, "not enrolled yet"));
  Enrol();
  const std::string before = ReadFile(config_.certificate);
  EXPECT_THAT(Install(Later(), NewKey()), StatusIs(absl::StatusCode::kUnauthenticated, ""));
  EXPECT_THAT(Install(Later(), signer_, kCommandPayloadType),
              StatusIs(absl::StatusCode::kInvalidArgument, ""));
  EXPECT_THAT(Install(Issue(MakeAuthority()), signer_),
              StatusIs(absl::StatusCode::kInvalidArgument, "not by this node's authority"));
  const absl::Time earlier = TestNow() - absl::Hours(24);
  EXPECT_THAT(Install(Issue(authority_, "node-1", {.now = earlier, .node_now = earlier}), signer_),
              StatusIs(absl::StatusCode::kFailedPrecondition, "make a newer one"));
  EXPECT_THAT(Install(std::string(kMaxCertificateBytes + 1, 'x'), signer_),
              StatusIs(absl::StatusCode::kInvalidArgument, "longer than"));
  EXPECT_EQ(ReadFile(config_.certificate), before);
}

TEST_F(NodeIdentityTest, ReplacesACertificateThatHasExpired) {
  Enrol();
  now_ += 2 * kYear;
  EXPECT_THAT(Install(Issue(authority_, "node-1", {.now = now_, .node_now = now_}), signer_),
              IsOk());
}

TEST_F(NodeIdentityTest, MakesKeysOnceAndKeepsThem) {
  const std::string report_key = ReadFile(config_.report_key);
  const std::string tls_key = ReadFile(config_.key);
  const std::string bootstrap = ReadFile(BootstrapPath(config_.certificate));
  EXPECT_EQ(ModeOf(config_.report_key), 0600u);
  EXPECT_EQ(ModeOf(config_.key), 0640u);
  EXPECT_THAT(MakeKeys(config_), IsOk());
  EXPECT_EQ(ReadFile(config_.report_key), report_key);
  EXPECT_EQ(ReadFile(config_.key), tls_key);
  EXPECT_EQ(ReadFile(BootstrapPath(config_.certificate)), bootstrap);

  std::filesystem::remove(config_.key);
  EXPECT_THAT(MakeKeys(config_), IsOk());
  EXPECT_NE(ReadFile(BootstrapPath(config_.certificate)), bootstrap);
  EXPECT_EQ(PublicKeyDer(**ParseOneCertificate(ReadFile(BootstrapPath(config_.certificate)))),
            TlsKey().der());
}

TEST_F(NodeIdentityTest, NeverMakesAKeyInThePlaceOfADamagedOne) {
  WriteFile(config_.key, "damaged", 0640);
  EXPECT_THAT(MakeKeys(config_), StatusIs(absl::StatusCode::kFailedPrecondition, "node.key"));
  EXPECT_EQ(ReadFile(config_.key), "damaged");
}

}  // namespace
}  // namespace bpa::executor
