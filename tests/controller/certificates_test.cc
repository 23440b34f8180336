// Judged by the openssl command line, not by our own reading.
#include "controller/certificates.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/controller/scratch.h"

namespace bpa::controller {
namespace {

constexpr int kDay = 24 * 3600;

class CertificatesTest : public testing::Test {
 protected:
  CertificatesTest() {
    WriteFile(scratch_ / "ca.pem", authority_.certificate_pem);
    WriteFile(scratch_ / "node.pem", Node("10.0.1.11"));
    WriteFile(scratch_ / "client.pem",
              *IssueControllerCertificate(authority_, leaf_key_.public_key(), "bpa-prod", "bastion",
                                          now_));
  }

  static Authority MakeAuthority(const std::string& cluster, absl::Time now) {
    PrivateKey key = *PrivateKey::GenerateEcdsaP256();
    std::string certificate = *MakeAuthorityCertificate(key, cluster, now);
    return Authority{std::move(certificate), std::move(key)};
  }

  std::string Node(const std::string& host) {
    const std::string address = host.find(':') == host.npos ? host : absl::StrCat("[", host, "]");
    const auto pem = IssueNodeCertificate(
        authority_, leaf_key_.public_key(), "bpa-prod",
        {.name = "node-1", .address = address + ":7443", .role = "", .volumes = {}},
        {.now = now_, .node_now = now_});
    EXPECT_TRUE(pem.ok()) << pem.status();
    return pem.value_or("");
  }

  int Verify(const std::string& purpose, const std::string& file, const std::string& more = "") {
    return Shell(absl::StrCat("openssl verify -x509_strict -purpose ", purpose, " ", more,
                              " -CAfile ", scratch_ / "ca.pem", " ", scratch_ / file));
  }

  // What openssl prints about one extension or field.
  std::string Print(const std::string& file, const std::string& what) {
    const std::string output = scratch_ / "printed";
    EXPECT_EQ(std::system(absl::StrCat("openssl x509 -noout -in ", scratch_ / file, " ", what,
                                       " > ", output)
                              .c_str()),
              0);
    return ReadFile(output);
  }

  Scratch scratch_;
  absl::Time now_ = absl::Now();
  Authority authority_ = MakeAuthority("bpa-prod", now_);
  PrivateKey leaf_key_ = *PrivateKey::GenerateEcdsaP256();
};

TEST_F(CertificatesTest, NodeIsGoodForServersAndNothingElse) {
  EXPECT_EQ(Verify("sslserver", "node.pem"), 0);
  EXPECT_EQ(Verify("sslserver", "node.pem", "-verify_hostname node-1"), 0);
  EXPECT_EQ(Verify("sslserver", "node.pem", "-verify_ip 10.0.1.11"), 0);
  EXPECT_NE(Verify("sslclient", "node.pem"), 0);
  EXPECT_NE(Verify("sslserver", "node.pem", "-verify_hostname node-2"), 0);
  EXPECT_NE(Verify("sslserver", "node.pem", "-verify_ip 10.0.1.12"), 0);
}

TEST_F(CertificatesTest, ControllerIsGoodForClientsAndNothingElse) {
  EXPECT_EQ(Verify("sslclient", "client.pem"), 0);
  EXPECT_NE(Verify("sslserver", "client.pem"), 0);
  EXPECT_EQ(Print("client.pem", "-ext subjectAltName"),
            "X509v3 Subject Alternative Name: \n    URI:bpa://bpa-prod/controller/bastion\n");
}

TEST_F(CertificatesTest, AnotherAuthoritysCertificateIsRefused) {
  WriteFile(scratch_ / "ca.pem", MakeAuthority("bpa-prod", now_).certificate_pem);
  EXPECT_NE(Verify("sslserver", "node.pem"), 0);
  EXPECT_NE(Verify("sslclient", "client.pem"), 0);
}

TEST_F(CertificatesTest, NodeCarriesItsNamesAndWhereItIsDialled) {
  EXPECT_EQ(Print("node.pem", "-ext subjectAltName"),
            "X509v3 Subject Alternative Name: \n    DNS:node-1, "
            "URI:bpa://bpa-prod/node/node-1, IP Address:10.0.1.11\n");
  WriteFile(scratch_ / "v6.pem", Node("fd00::11"));
  EXPECT_EQ(Print("v6.pem", "-ext subjectAltName"),
            "X509v3 Subject Alternative Name: \n    DNS:node-1, "
            "URI:bpa://bpa-prod/node/node-1, IP Address:FD00:0:0:0:0:0:0:11\n");
  WriteFile(scratch_ / "dns.pem", Node("worker.example"));
  EXPECT_EQ(Print("dns.pem", "-ext subjectAltName"),
            "X509v3 Subject Alternative Name: \n    DNS:node-1, "
            "URI:bpa://bpa-prod/node/node-1, DNS:worker.example\n");
}

TEST_F(CertificatesTest, LeafsLastAYearAndCannotSignOthers) {
  const std::string in_a_year = "-attime " + absl::StrCat(absl::ToTimeT(now_) + 364 * kDay);
  const std::string after = "-attime " + absl::StrCat(absl::ToTimeT(now_) + 366 * kDay);
  const std::string before = "-attime " + absl::StrCat(absl::ToTimeT(now_) - 3500);
  const std::string too_early = "-attime " + absl::StrCat(absl::ToTimeT(now_) - 3700);
  for (const char* file : {"node.pem", "client.pem"}) {
    const std::string purpose = std::string(file) == "node.pem" ? "sslserver" : "sslclient";
    EXPECT_EQ(Verify(purpose, file, in_a_year), 0) << file;
    EXPECT_NE(Verify(purpose, file, after), 0) << file;
    EXPECT_EQ(Verify(purpose, file, before), 0) << file;
    // A node checks a controller by its own clock, which may be hours behind.
    EXPECT_EQ(Verify(purpose, file, too_early) == 0, purpose == "sslclient") << file;
    EXPECT_EQ(Print(file, "-ext basicConstraints,keyUsage"),
              "X509v3 Basic Constraints: critical\n    CA:FALSE\n"
              "X509v3 Key Usage: critical\n    Digital Signature\n");
  }
}

TEST_F(CertificatesTest, ANodesCertificateIsValidByBothClocks) {
  const controller::Node node{
      .name = "node-1", .address = "10.0.1.11:7443", .role = "", .volumes = {}};
  for (const absl::Duration offset : {-absl::Hours(72), absl::Hours(72)}) {
    WriteFile(scratch_ / "node.pem",
              *IssueNodeCertificate(authority_, leaf_key_.public_key(), "bpa-prod", node,
                                    {.now = now_, .node_now = now_ + offset}));
    for (const absl::Time time : {now_, now_ + offset}) {
      EXPECT_EQ(Verify("sslserver", "node.pem", "-attime " + absl::StrCat(absl::ToTimeT(time))), 0);
    }
  }
}

TEST_F(CertificatesTest, ARequestTellsItsKeyOnlyIfThatSignedIt) {
  ASSERT_EQ(Shell(absl::StrCat(
                "openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "
                "-subj /CN=n -keyout ",
                scratch_ / "k.pem", " -outform DER -out ", scratch_ / "r.der",
                " && openssl pkey -pubout -in ", scratch_ / "k.pem", " -out ", scratch_ / "p.pem")),
            0);
  std::string request = ReadFile(scratch_ / "r.der");
  EXPECT_EQ(RequestedKey(request)->ToPem(), ReadFile(scratch_ / "p.pem"));
  EXPECT_FALSE(RequestedKey(request + "x").ok());
  EXPECT_FALSE(RequestedKey("").ok());
  request.back() = static_cast<char>(request.back() ^ 1);
  EXPECT_FALSE(RequestedKey(request).ok());
}

TEST_F(CertificatesTest, AuthorityLastsTenYearsAndSignsLeafsOnly) {
  EXPECT_EQ(Shell(absl::StrCat("openssl x509 -noout -in ", scratch_ / "ca.pem", " -checkend ",
                               3650 * kDay)),
            0);
  EXPECT_NE(Shell(absl::StrCat("openssl x509 -noout -in ", scratch_ / "ca.pem", " -checkend ",
                               3653 * kDay)),
            0);
  EXPECT_EQ(Print("ca.pem", "-ext basicConstraints,keyUsage"),
            "X509v3 Basic Constraints: critical\n    CA:TRUE, pathlen:0\n"
            "X509v3 Key Usage: critical\n    Certificate Sign, CRL Sign\n");
}

TEST_F(CertificatesTest, SerialNumbersDiffer) {
  WriteFile(scratch_ / "other.pem", Node("10.0.1.11"));
  EXPECT_NE(Print("node.pem", "-serial"), Print("other.pem", "-serial"));
}

TEST_F(CertificatesTest, NamesOfTheGreatestLengthFit) {
  std::string name(63, 'a');
  name += "." + name + "." + name + "." + name.substr(0, 61);
  ASSERT_EQ(name.size(), 253u);
  const Authority authority = MakeAuthority(name, now_);
  const auto pem =
      IssueNodeCertificate(authority, leaf_key_.public_key(), name,
                           {.name = name, .address = "10.0.1.11:7443", .role = "", .volumes = {}},
                           {.now = now_, .node_now = now_});
  ASSERT_TRUE(pem.ok()) << pem.status();
  WriteFile(scratch_ / "ca.pem", authority.certificate_pem);
  WriteFile(scratch_ / "long.pem", *pem);
  EXPECT_EQ(Verify("sslserver", "long.pem", "-verify_hostname " + name), 0);
}

TEST_F(CertificatesTest, AuthorityTellsItsClusterAndOthersAreNone) {
  EXPECT_EQ(*AuthorityCluster(authority_.certificate_pem), "bpa-prod");
  EXPECT_EQ(AuthorityCluster(ReadFile(scratch_ / "client.pem")).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(AuthorityCluster("nonsense").status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(CertificatesTest, AnAuthorityWithAnotherKeyIssuesNothing) {
  const Authority mixed = {authority_.certificate_pem, *PrivateKey::GenerateEcdsaP256()};
  const auto pem =
      IssueControllerCertificate(mixed, leaf_key_.public_key(), "bpa-prod", "bastion", now_);
  EXPECT_EQ(pem.status().code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace bpa::controller
