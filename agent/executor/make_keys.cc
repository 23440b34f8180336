// MakeKeys: a node's first start.
#include "absl/strings/str_cat.h"
#include "agent/executor/node_identity.h"
#include "agent/executor/peer_check.h"
#include "proto/bootstrap.h"
#include "proto/trusted_file.h"

namespace bpa::executor {
namespace {

constexpr size_t kMaxKeyBytes = size_t{16} * 1024;

absl::Status MakeReportKey(const std::string& path) {
  const absl::StatusOr<bool> present = PathExists(path);
  if (!present.ok() || *present) return present.status();
  const absl::StatusOr<PrivateKey> key = PrivateKey::GenerateEd25519();
  return key.ok() ? WriteFileDurably(path, key->ToPem(), 0600) : key.status();
}

// The gateway's user reads it by its group.
absl::StatusOr<PrivateKey> EnsureTlsKey(const Config& config) {
  const absl::StatusOr<std::string> present =
      ReadTrustedFile(config.key, kMaxKeyBytes, FileSecrecy::kSecret);
  if (present.ok()) {
    absl::StatusOr<PrivateKey> key = PrivateKey::FromPem(*present);
    if (key.ok()) return key;
    return absl::FailedPreconditionError(absl::StrCat(config.key, ": ", key.status().message()));
  }
  if (!absl::IsNotFound(present.status())) return present.status();
  const absl::StatusOr<gid_t> group = ResolveGatewayGroup(config.gateway_user);
  if (!group.ok()) return group.status();
  absl::StatusOr<PrivateKey> key = PrivateKey::GenerateEcdsaP256();
  if (!key.ok()) return key;
  const absl::Status written = WriteFileDurably(config.key, key->ToPem(), 0640, *group);
  return written.ok() ? std::move(key) : written;
}

// Anew if it is of another key: a key that was replaced needs another certificate.
absl::Status EnsureBootstrap(const Config& config, const PrivateKey& key) {
  const std::string path = BootstrapPath(config.certificate);
  const absl::StatusOr<std::string> present =
      ReadTrustedFile(path, kMaxKeyBytes, FileSecrecy::kPublic);
  if (present.ok()) {
    const absl::StatusOr<X509Pointer> certificate = ParseOneCertificate(*present);
    if (certificate.ok() && PublicKeyDer(**certificate) == key.public_key().der()) {
      return absl::OkStatus();
    }
  }
  const absl::StatusOr<std::string> pem = MakeBootstrapCertificate(key, config.node);
  return pem.ok() ? WriteFileDurably(path, *pem, 0644) : pem.status();
}

// What a crash between the two steps of an enrolment has left.
absl::Status RemoveUsedSecret(const Config& config) {
  for (const std::string& path : {config.certificate, config.join_secret}) {
    const absl::StatusOr<bool> present = PathExists(path);
    if (!present.ok() || !*present) return present.status();
  }
  return RemoveFileDurably(config.join_secret);
}

}  // namespace

absl::Status MakeKeys(const Config& config) {
  if (absl::Status s = MakeReportKey(config.report_key); !s.ok()) return s;
  const absl::StatusOr<PrivateKey> key = EnsureTlsKey(config);
  if (!key.ok()) return key.status();
  if (absl::Status s = EnsureBootstrap(config, *key); !s.ok()) return s;
  return RemoveUsedSecret(config);
}

}  // namespace bpa::executor
