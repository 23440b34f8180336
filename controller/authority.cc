#include "controller/authority.h"

#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "proto/trusted_file.h"
#include "proto/x509.h"

namespace bpa::controller {
namespace {

constexpr size_t kMaxPemBytes = size_t{64} * 1024;
constexpr unsigned kPublicMode = 0644;

absl::StatusOr<PrivateKey> ReadKey(const std::string& path) {
  const absl::StatusOr<std::string> pem = ReadTrustedFile(path, kMaxPemBytes, FileSecrecy::kSecret);
  if (!pem.ok()) return pem.status();
  absl::StatusOr<PrivateKey> key = PrivateKey::FromPem(*pem);
  if (!key.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": ", key.status().message()));
  }
  return key;
}

// "bastion" of bpa://<cluster>/controller/bastion.
absl::StatusOr<std::string> NameIn(const X509& certificate, const std::string& prefix) {
  const std::vector<std::string> uris = UriNames(certificate);
  if (uris.size() == 1 && absl::StartsWith(uris[0], prefix)) return uris[0].substr(prefix.size());
  return absl::FailedPreconditionError(absl::StrCat("not the certificate of a ", prefix, "..."));
}

}  // namespace

absl::StatusOr<Authority> ReadAuthority(const Home& home) {
  absl::StatusOr<std::string> certificate =
      ReadTrustedFile(home.path() + "/ca.pem", kMaxPemBytes, FileSecrecy::kPublic);
  if (!certificate.ok()) return certificate.status();
  absl::StatusOr<PrivateKey> key = ReadKey(home.path() + "/ca.key");
  if (absl::IsNotFound(key.status())) {
    return absl::NotFoundError(
        absl::StrCat(home.path(),
                     "/ca.key does not exist: certificates are issued where the authority's key "
                     "is; run this there, or put the key back"));
  }
  if (!key.ok()) return key.status();
  return Authority{.certificate_pem = *std::move(certificate), .key = *std::move(key)};
}

absl::StatusOr<bool> RenewClientCertificate(const Home& home, const Authority& authority,
                                            absl::Time now) {
  const std::string path = home.path() + "/client.pem";
  const absl::StatusOr<std::string> pem = ReadTrustedFile(path, kMaxPemBytes, FileSecrecy::kPublic);
  if (!pem.ok()) return pem.status();
  const absl::StatusOr<X509Pointer> certificate = ParseOneCertificate(*pem);
  if (!certificate.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": ", certificate.status().message()));
  }
  const absl::StatusOr<Validity> validity = ValidityOf(**certificate);
  if (!validity.ok()) return validity.status();
  if (validity->until - now >= kRenewBefore) return false;

  const absl::StatusOr<std::string> cluster = AuthorityCluster(authority.certificate_pem);
  if (!cluster.ok()) return cluster.status();
  const absl::StatusOr<std::string> name =
      NameIn(**certificate, absl::StrCat("bpa://", *cluster, "/controller/"));
  if (!name.ok())
    return absl::FailedPreconditionError(absl::StrCat(path, ": ", name.status().message()));
  const absl::StatusOr<PrivateKey> key = ReadKey(home.path() + "/client.key");
  if (!key.ok()) return key.status();
  const absl::StatusOr<std::string> renewed =
      IssueControllerCertificate(authority, key->public_key(), *cluster, *name, now);
  if (!renewed.ok()) return renewed.status();
  const absl::Status written = WriteFileDurably(path, *renewed, kPublicMode);
  if (!written.ok()) return written;
  return true;
}

}  // namespace bpa::controller
