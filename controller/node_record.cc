#include "controller/node_record.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "controller/directories.h"
#include "proto/enrollment_proof.h"
#include "proto/trusted_file.h"

namespace bpa::controller {
namespace {

constexpr size_t kMaxPemBytes = size_t{64} * 1024;
constexpr unsigned kPublicMode = 0644;
constexpr unsigned kSecretMode = 0600;
constexpr char kFormerKeys[] = "former-report-keys";

absl::StatusOr<std::optional<std::string>> ReadIfPresent(const std::string& path,
                                                         FileSecrecy secrecy) {
  absl::StatusOr<std::string> text = ReadTrustedFile(path, kMaxPemBytes, secrecy);
  if (absl::IsNotFound(text.status())) return std::nullopt;
  if (!text.ok()) return text.status();
  return *std::move(text);
}

absl::Status At(const std::string& path, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(path, ": ", status.message()));
}

}  // namespace

NodeRecord::NodeRecord(const Home& home, const std::string& node)
    : home_(home.path()), node_(node) {}

std::string NodeRecord::Path(const char* name) const {
  return absl::StrCat(home_, "/nodes/", node_, "/", name);
}

absl::StatusOr<std::optional<PublicKey>> NodeRecord::ReadReportKey() const {
  const std::string path = Path("report.pem");
  const auto pem = ReadIfPresent(path, FileSecrecy::kPublic);
  if (!pem.ok()) return pem.status();
  if (!pem->has_value()) return std::nullopt;
  absl::StatusOr<PublicKey> key = PublicKey::FromPem(**pem);
  if (!key.ok()) return At(path, key.status());
  return *std::move(key);
}

std::vector<PublicKey> NodeRecord::ReadFormerReportKeys() const {
  std::vector<PublicKey> keys;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(Path(kFormerKeys), error), end;
       !error && entry != end; entry.increment(error)) {
    const auto pem = ReadTrustedFile(entry->path(), kMaxPemBytes, FileSecrecy::kPublic);
    if (!pem.ok()) continue;
    absl::StatusOr<PublicKey> key = PublicKey::FromPem(*pem);
    if (key.ok()) keys.push_back(*std::move(key));
  }
  return keys;
}

absl::StatusOr<std::optional<std::string>> NodeRecord::ReadCertificate() const {
  // Bundles of earlier releases had it in one place only.
  for (const char* name : {"node.pem", "agent/tls/node.pem"}) {
    auto pem = ReadIfPresent(Path(name), FileSecrecy::kPublic);
    if (!pem.ok() || pem->has_value()) return pem;
  }
  return std::nullopt;
}

absl::StatusOr<std::optional<std::string>> NodeRecord::ReadJoinSecret() const {
  const std::string path = Path("join.secret");
  const auto text = ReadIfPresent(path, FileSecrecy::kSecret);
  if (!text.ok()) return text.status();
  if (!text->has_value()) return std::nullopt;
  absl::StatusOr<std::string> secret = ParseJoinSecret(**text);
  if (!secret.ok()) return At(path, secret.status());
  return *std::move(secret);
}

absl::StatusOr<std::string> NodeRecord::EnsureJoinSecret() const {
  absl::StatusOr<std::optional<std::string>> present = ReadJoinSecret();
  if (!present.ok()) return present.status();
  if (present->has_value()) return **std::move(present);
  if (absl::Status s = EnsureDirectory(); !s.ok()) return s;
  std::string secret = RandomBytes(kJoinSecretBytes);
  absl::Status written =
      WriteFileDurably(Path("join.secret"), FormatJoinSecret(secret), kSecretMode);
  if (!written.ok()) return written;
  return secret;
}

absl::Status NodeRecord::PinReportKey(const PublicKey& key, bool replace) const {
  const absl::StatusOr<std::optional<PublicKey>> pinned = ReadReportKey();
  if (!pinned.ok()) return pinned.status();
  if (pinned->has_value() && (*pinned)->der() == key.der()) return absl::OkStatus();
  if (pinned->has_value() && !replace) {
    return absl::FailedPreconditionError(
        absl::StrCat("its report key is not the one that is pinned in ", Path("report.pem"),
                     ": if this is a new instance, or was installed anew, "
                     "`bpactl enroll --replace ",
                     node_, "` pins the new key"));
  }
  if (absl::Status s = EnsureDirectory(); !s.ok()) return s;
  if (pinned->has_value()) {
    if (absl::Status s = KeepAsFormer(**pinned); !s.ok()) return s;
  }
  return WriteFileDurably(Path("report.pem"), key.ToPem(), kPublicMode);
}

absl::Status NodeRecord::KeepAsFormer(const PublicKey& key) const {
  const std::string directory = Path(kFormerKeys);
  if (auto made = MakePrivateDirectory(directory); !made.ok()) return made.status();
  return WriteFileDurably(absl::StrCat(directory, "/", key.id(), ".pem"), key.ToPem(), kPublicMode);
}

absl::Status NodeRecord::SaveCertificate(const std::string& pem) const {
  if (absl::Status s = EnsureDirectory(); !s.ok()) return s;
  return WriteFileDurably(Path("node.pem"), pem, kPublicMode);
}

absl::Status NodeRecord::BurnJoinSecret() const {
  if (absl::Status s = EnsureDirectory(); !s.ok()) return s;
  return RemoveFileDurably(Path("join.secret"));
}

absl::Status NodeRecord::EnsureDirectory() const {
  const std::string nodes = home_ + "/nodes";
  if (auto made = MakePrivateDirectory(nodes); !made.ok()) return made.status();
  return MakePrivateDirectory(absl::StrCat(nodes, "/", node_)).status();
}

}  // namespace bpa::controller
