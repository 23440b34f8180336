#include "agent/gateway/tls.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <filesystem>

#include "tests/agent/gateway/pki.h"
#include "tests/agent/gateway/scratch.h"

namespace bpa::gateway {
namespace {

using testing::HasSubstr;

constexpr char kUri[] = "bpa://c/node/node-1";

class TlsTest : public testing::Test {
 protected:
  absl::Status Load() const { return LoadTlsMaterial(files_, kUri).status(); }

  void ExpectRefused(const std::string& complaint) const {
    const absl::Status status = Load();
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(complaint));
  }

  void WriteNode(const Subject& subject) const {
    const Pem node = Issue(subject, &authority_);
    scratch_.Write("node.pem", node.certificate);
    scratch_.Write("node.key", node.key);
  }

  Scratch scratch_;
  const Pem authority_ = MakeAuthority();
  const Pem node_ = Issue(NodeSubject(), &authority_);
  const TlsFiles files_{.ca = scratch_.Write("ca.pem", authority_.certificate),
                        .certificate = scratch_.Write("node.pem", node_.certificate),
                        .bootstrap = scratch_.Path("bootstrap.pem"),
                        .key = scratch_.Write("node.key", node_.key)};
};

TEST_F(TlsTest, TakesFilesThatFitTogether) {
  const auto material = LoadTlsMaterial(files_, kUri);
  ASSERT_TRUE(material.ok()) << material.status();
  EXPECT_TRUE(material->enrolled);
  EXPECT_GT(material->validity.until, absl::Now() + absl::Hours(23));
  EXPECT_LT(material->validity.until, absl::Now() + absl::Hours(25));
}

TEST_F(TlsTest, RefusesAKeyThatEverybodyMayRead) {
  scratch_.Write("node.key", node_.key, 0644);
  ExpectRefused("chmod o=");
}

TEST_F(TlsTest, RefusesAnAuthorityThatOthersMayWrite) {
  scratch_.Write("ca.pem", authority_.certificate, 0666);
  ExpectRefused("chmod go-w");
}

TEST_F(TlsTest, RefusesTheKeyOfAnotherCertificate) {
  scratch_.Write("node.key", Issue(NodeSubject(), &authority_).key);
  ExpectRefused("not the key of the certificate");
}

TEST_F(TlsTest, RefusesTheCertificateOfAnotherNode) {
  WriteNode({.uris = {"bpa://c/node/node-2"}, .usage = "serverAuth"});
  ExpectRefused("does agent.yaml name another node?");
}

TEST_F(TlsTest, RefusesAClientsCertificate) {
  WriteNode({.uris = {kUri}, .usage = "clientAuth"});
  ExpectRefused("node.pem");
}

TEST_F(TlsTest, TakesAnExpiredCertificateSoThatItCanBeRenewed) {
  Subject subject = NodeSubject();
  subject.not_after = absl::Now() - absl::Minutes(1);
  WriteNode(subject);
  const auto material = LoadTlsMaterial(files_, kUri);
  ASSERT_TRUE(material.ok()) << material.status();
  EXPECT_FALSE(material->validity.Contains(absl::Now()));
  EXPECT_TRUE(OpenTls(files_, kUri).ok());
}

TEST_F(TlsTest, WithoutACertificateTakesTheBootstrapCertificate) {
  std::filesystem::remove(files_.certificate);
  scratch_.Write("bootstrap.pem", Issue({}, nullptr).certificate);
  ExpectRefused("not the key of the certificate in " + files_.bootstrap);
  // Of the key, by nobody.
  scratch_.Write("bootstrap.pem", node_.certificate);
  const auto material = LoadTlsMaterial(files_, "bpa://c/node/another");
  ASSERT_TRUE(material.ok()) << material.status();
  EXPECT_FALSE(material->enrolled);
}

TEST_F(TlsTest, WithNeitherSaysWhatMakesOne) {
  std::filesystem::remove(files_.certificate);
  const absl::Status status = Load();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr("bpa-agent-keys.service"));
}

TEST_F(TlsTest, RefusesAnotherAuthoritysCertificate) {
  scratch_.Write("ca.pem", MakeAuthority().certificate);
  ExpectRefused("have the bastion issue a new one");
}

TEST_F(TlsTest, RefusesDamagedFiles) {
  scratch_.Write("node.pem", "");
  ExpectRefused("no PEM certificate");
  scratch_.Write("node.pem", node_.certificate.substr(0, node_.certificate.size() / 2));
  ExpectRefused("node.pem");
  scratch_.Write("node.pem", node_.certificate);
  scratch_.Write("node.key", "nonsense");
  ExpectRefused("node.key");
}

TEST_F(TlsTest, SaysWhichFileIsMissing) {
  const absl::Status status =
      LoadTlsMaterial({.ca = "/nowhere/ca.pem", .certificate = "", .bootstrap = "", .key = ""},
                      kUri)
          .status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr("/nowhere/ca.pem"));
}

TEST_F(TlsTest, SwitchesTls12OffInEveryContextEvenIfItsMinimumIsLowered) {
  ASSERT_TRUE(RequireTls13().ok());
  SSL_CTX* context = SSL_CTX_new(TLS_method());
  // What gRPC does after making one.
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  EXPECT_NE(SSL_CTX_get_options(context) & SSL_OP_NO_TLSv1_2, 0U);
  EXPECT_EQ(SSL_CTX_get_options(context) & SSL_OP_NO_TLSv1_3, 0U);
  SSL_CTX_free(context);
}

}  // namespace
}  // namespace bpa::gateway
