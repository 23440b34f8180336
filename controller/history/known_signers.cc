#include "controller/history/known_signers.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/keys.h"
#include "proto/trusted_file.h"

namespace bpa::controller {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxPemBytes = 64 * 1024;
// What `init` calls this home's key where nothing else does.
constexpr char kOwnName[] = "bastion";

void AddKey(const std::string& path, const std::string& name, std::vector<TrustedSigner>* signers) {
  const absl::StatusOr<std::string> pem = ReadTrustedFile(path, kMaxPemBytes, FileSecrecy::kPublic);
  if (!pem.ok()) return;
  absl::StatusOr<PublicKey> key = PublicKey::FromPem(*pem);
  if (!key.ok()) return;
  const auto same = [&key](const TrustedSigner& known) { return known.key.der() == key->der(); };
  if (std::any_of(signers->begin(), signers->end(), same)) return;
  signers->push_back({name, *std::move(key)});
}

void AddDirectory(const fs::path& directory, std::vector<TrustedSigner>* signers) {
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end;
       entry.increment(error)) {
    if (entry->path().extension() != ".pem") continue;
    AddKey(entry->path(), entry->path().stem(), signers);
  }
}

std::vector<TrustedSigner> ReadSigners(const Home& home) {
  std::vector<TrustedSigner> signers;
  AddDirectory(home.path() + "/trusted-signers.d", &signers);
  std::error_code error;
  for (fs::directory_iterator node(home.path() + "/nodes", error), end; !error && node != end;
       node.increment(error)) {
    AddDirectory(node->path() / "agent/trusted-signers.d", &signers);
  }
  AddKey(home.path() + "/signer.pem", kOwnName, &signers);
  return signers;
}

std::map<std::string, std::string> NamesById(const std::vector<TrustedSigner>& signers) {
  std::map<std::string, std::string> names;
  for (const TrustedSigner& signer : signers) names[signer.key.id()] = signer.name;
  return names;
}

}  // namespace

KnownSigners::KnownSigners(const Home& home) : KnownSigners(ReadSigners(home)) {}

KnownSigners::KnownSigners(std::vector<TrustedSigner> signers)
    : names_(NamesById(signers)), verifier_(std::move(signers)) {}

std::vector<SignatureCheck> KnownSigners::Check(const Envelope& envelope) const {
  std::vector<SignatureCheck> checks;
  Envelope one{.payload_type = envelope.payload_type, .payload = envelope.payload};
  for (const EnvelopeSignature& signature : envelope.signatures) {
    SignatureCheck check{.key_id = signature.key_id};
    one.signatures = {signature};
    const absl::StatusOr<VerifiedPayload> verified = verifier_.Verify(one, kCommandPayloadType, 1);
    const auto named = names_.find(signature.key_id);
    if (verified.ok()) {
      check.signer = verified->signers().front();
    } else if (named != names_.end()) {
      check.signer = named->second;
      check.verdict = absl::UnauthenticatedError("it is not this key's signature of these bytes");
    } else {
      check.verdict = absl::NotFoundError(
          "this key is not known here: put it into trusted-signers.d/NAME.pem of the home");
    }
    checks.push_back(std::move(check));
  }
  return checks;
}

std::vector<std::string> SignerNames(const std::vector<SignatureCheck>& checks) {
  std::set<std::string> names;
  for (const SignatureCheck& check : checks) {
    if (!check.signer.empty() && check.verdict.ok()) names.insert(check.signer);
    if (absl::IsNotFound(check.verdict)) names.insert(absl::StrCat("key ", check.key_id));
  }
  return {names.begin(), names.end()};
}

}  // namespace bpa::controller
