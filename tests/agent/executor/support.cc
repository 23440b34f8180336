#include "tests/agent/executor/support.h"

#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "proto/envelope.h"
#include "proto/verifier.h"

namespace bpa::executor {

TemporaryDirectory::TemporaryDirectory() {
  std::string pattern = (std::filesystem::temp_directory_path() / "bpa-core-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) std::abort();
  path_ = pattern;
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

void WriteFile(const std::string& path, const std::string& contents, unsigned mode) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << contents;
  if (chmod(path.c_str(), mode) != 0) std::abort();
}

absl::Time TestNow() {
  return absl::FromCivil(absl::CivilSecond(2026, 11, 23, 12, 0, 3), absl::UTCTimeZone());
}

std::string TestId(int number) { return absl::StrFormat("01930000-0000-7000-8000-%012d", number); }

v1::Command ValidCommand(absl::Time issued) {
  v1::Command command;
  command.set_id(TestId(1));
  command.set_cluster("bpa-test");
  command.set_issued_at_unix_millis(absl::ToUnixMillis(issued));
  command.set_expires_at_unix_millis(absl::ToUnixMillis(issued + absl::Minutes(10)));
  command.set_operator_name("alice@bastion");
  command.set_reason("CHG-1");
  command.set_mode(v1::MODE_APPLY);

  v1::Role& role = *command.add_roles();
  role.set_name("node");
  v1::Volume& volume = *role.add_volumes();
  volume.set_mount_point("/opt");
  volume.set_filesystem(v1::FILESYSTEM_TYPE_XFS);
  volume.set_existing_content(v1::EXISTING_CONTENT_MIGRATE);
  v1::Directory& directory = *role.add_directories();
  directory.set_path("/opt/bpa/data");
  directory.set_mode(0777);
  v1::Sysctl& sysctl = *role.add_sysctls();
  sysctl.set_name("vm.max_map_count");
  sysctl.set_at_least(262144);

  v1::Target& target = *command.add_targets();
  target.set_node("node-1");
  target.set_role("node");
  v1::VolumeSource& source = *target.add_volumes();
  source.set_mount_point("/opt");
  source.set_ebs_volume_id("vol-0fab1d5e3f72a5e23");
  return command;
}

PrivateKey NewKey() {
  absl::StatusOr<PrivateKey> key = PrivateKey::GenerateEd25519();
  if (!key.ok()) std::abort();
  return *std::move(key);
}

std::string SignPayload(const std::string& payload, const std::vector<const PrivateKey*>& keys,
                        std::string_view type) {
  Envelope envelope{.payload_type = std::string(type), .payload = payload};
  for (const PrivateKey* key : keys) {
    envelope.signatures.push_back(
        {.key_id = key->public_key().id(),
         .signature = key->Sign(PreAuthenticationEncoding(type, payload)).value()});
  }
  return EncodeEnvelope(envelope).value();
}

std::string SignCommand(const v1::Command& command, const std::vector<const PrivateKey*>& keys) {
  return SignPayload(command.SerializeAsString(), keys, kCommandPayloadType);
}

absl::StatusOr<Command> Parse(const std::string& payload, int signers) {
  std::vector<PrivateKey> keys;
  std::vector<const PrivateKey*> pointers;
  std::vector<TrustedSigner> trusted;
  keys.reserve(signers);
  for (int i = 0; i < signers; ++i) {
    keys.push_back(NewKey());
    pointers.push_back(&keys.back());
    trusted.push_back({.name = absl::StrCat("signer-", i),
                       .key = PublicKey::FromPem(keys.back().public_key().ToPem()).value()});
  }
  const Envelope envelope =
      DecodeEnvelope(SignPayload(payload, pointers, kCommandPayloadType)).value();
  return ParseCommand(
      Verifier(std::move(trusted)).Verify(envelope, kCommandPayloadType, signers).value());
}

absl::StatusOr<Command> Parse(const v1::Command& command, int signers) {
  return Parse(command.SerializeAsString(), signers);
}

v1::Report OpenReport(const std::string& envelope, const PublicKey& key) {
  v1::Report report;
  const absl::StatusOr<Envelope> decoded = DecodeEnvelope(envelope);
  EXPECT_THAT(decoded, IsOk());
  if (!decoded.ok()) return report;
  std::vector<TrustedSigner> trusted;
  trusted.push_back({.name = "node", .key = PublicKey::FromPem(key.ToPem()).value()});
  const absl::StatusOr<VerifiedPayload> payload =
      Verifier(std::move(trusted)).Verify(*decoded, kReportPayloadType, 1);
  EXPECT_THAT(payload, IsOk());
  EXPECT_TRUE(payload.ok() && report.ParseFromString(payload->bytes()));
  return report;
}

}  // namespace bpa::executor
