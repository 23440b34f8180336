#include "proto/verifier.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <set>

#include "absl/cleanup/cleanup.h"
#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "proto/trusted_file.h"

namespace bpa {
namespace {

// A signature is tried against every key that has not been counted yet: the product bounds what an
// unauthenticated envelope can cost.
constexpr size_t kMaxTrustedSigners = 32;
constexpr size_t kMaxSignerNameBytes = 64;
constexpr size_t kMaxKeyFileBytes = 4096;

std::string JoinNames(const std::vector<TrustedSigner>& signers) {
  return absl::StrJoin(signers, ", ", [](std::string* out, const TrustedSigner& signer) {
    absl::StrAppend(out, signer.name);
  });
}

bool IsSignerName(absl::string_view name) {
  return !name.empty() && name.size() <= kMaxSignerNameBytes &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) {
           return absl::ascii_isalnum(c) || c == '.' || c == '_' || c == '-';
         });
}

absl::Status CheckDirectory(int fd, const std::string& path) {
  struct stat info;
  if (fstat(fd, &info) != 0) return ErrnoStatus(errno, "fstat", path);
  if (info.st_uid != 0 && info.st_uid != geteuid()) {
    return absl::FailedPreconditionError(
        absl::StrFormat("%s: owned by uid %d, who could add signers at any time: chown %d %s", path,
                        info.st_uid, geteuid(), path));
  }
  if ((info.st_mode & 022) != 0) {
    return absl::FailedPreconditionError(
        absl::StrFormat("%s: others than its owner may add signers (mode %04o): chmod go-w %s",
                        path, info.st_mode & 07777, path));
  }
  return absl::OkStatus();
}

// Sorted; without dot files: editors' and our own half-written ones.
absl::StatusOr<std::vector<std::string>> ListFiles(const std::string& path) {
  DIR* const directory = opendir(path.c_str());
  if (directory == nullptr) return ErrnoStatus(errno, "opendir", path);
  const auto close_directory = absl::MakeCleanup([directory] { closedir(directory); });
  if (absl::Status status = CheckDirectory(dirfd(directory), path); !status.ok()) return status;

  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = readdir(directory)) {
    if (entry->d_name[0] == '.') continue;
    names.emplace_back(entry->d_name);
    if (names.size() > kMaxTrustedSigners) {
      return absl::FailedPreconditionError(absl::StrCat(path, ": more than ", kMaxTrustedSigners,
                                                        " files: remove signers who have left"));
    }
  }
  if (errno != 0) return ErrnoStatus(errno, "readdir", path);
  std::sort(names.begin(), names.end());
  return names;
}

absl::StatusOr<TrustedSigner> ReadSigner(const std::string& directory, const std::string& file) {
  const std::string path = absl::StrCat(directory, "/", absl::CHexEscape(file));
  absl::string_view name = file;
  if (!absl::ConsumeSuffix(&name, ".pem") || !IsSignerName(name)) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, ": not a signer: only files named <signer>.pem (letters, digits, '.', ",
                     "'_', '-'; at most ", kMaxSignerNameBytes, ") belong here: move it away"));
  }
  struct stat info;
  if (lstat(path.c_str(), &info) != 0) return ErrnoStatus(errno, "lstat", path);
  if (!S_ISREG(info.st_mode)) {
    // A link's target may lie where others can write.
    return absl::FailedPreconditionError(
        absl::StrCat(path, ": not a regular file: put the key itself there"));
  }
  const auto pem = ReadTrustedFile(path, kMaxKeyFileBytes, FileSecrecy::kPublic);
  if (!pem.ok()) {
    return pem.status().code() == absl::StatusCode::kResourceExhausted
               ? absl::FailedPreconditionError(pem.status().message())
               : pem.status();
  }
  auto key = PublicKey::FromPem(*pem);
  if (!key.ok()) {
    return absl::FailedPreconditionError(absl::StrCat(path, ": ", key.status().message()));
  }
  return TrustedSigner{.name = std::string(name), .key = *std::move(key)};
}

}  // namespace

VerifiedPayload::VerifiedPayload(std::string bytes, std::vector<std::string> signers)
    : bytes_(std::move(bytes)), signers_(std::move(signers)) {}

Verifier::Verifier(std::vector<TrustedSigner> signers) : Verifier(std::move(signers), "") {}

Verifier::Verifier(std::vector<TrustedSigner> signers, std::string directory)
    : directory_(std::move(directory)) {
  std::stable_sort(signers.begin(), signers.end(),
                   [](const TrustedSigner& a, const TrustedSigner& b) { return a.name < b.name; });
  std::set<std::string> known;
  for (TrustedSigner& signer : signers) {
    if (known.insert(signer.key.der()).second) signers_.push_back(std::move(signer));
  }
}

absl::StatusOr<Verifier> Verifier::FromDirectory(const std::string& path) {
  const auto files = ListFiles(path);
  if (!files.ok()) return files.status();
  std::vector<TrustedSigner> signers;
  for (const std::string& file : *files) {
    auto signer = ReadSigner(path, file);
    if (!signer.ok()) return signer.status();
    signers.push_back(*std::move(signer));
  }
  return Verifier(std::move(signers), path);
}

const TrustedSigner* Verifier::FindSigner(const EnvelopeSignature& signature,
                                          std::string_view message) const {
  const auto verifies = [&](const TrustedSigner& signer) {
    return signer.key.Verify(message, signature.signature).ok();
  };
  const TrustedSigner* const hinted = FindHinted(signature);
  if (hinted != nullptr && verifies(*hinted)) return hinted;
  for (const TrustedSigner& signer : signers_) {
    if (&signer != hinted && verifies(signer)) return &signer;
  }
  return nullptr;
}

const TrustedSigner* Verifier::FindHinted(const EnvelopeSignature& signature) const {
  const auto found = std::find_if(
      signers_.begin(), signers_.end(),
      [&](const TrustedSigner& signer) { return signer.key.id() == signature.key_id; });
  return found == signers_.end() ? nullptr : &*found;
}

absl::Status Verifier::ExplainRefusal(const Envelope& envelope) const {
  if (signers_.empty()) {
    return absl::UnauthenticatedError(
        absl::StrCat("no signer is trusted here: put the signer's public key as <name>.pem into ",
                     directory_.empty() ? "the directory of trusted signers" : directory_));
  }
  if (envelope.signatures.empty()) {
    return absl::UnauthenticatedError("the envelope carries no signature: sign it first");
  }
  for (const EnvelopeSignature& signature : envelope.signatures) {
    if (const TrustedSigner* hinted = FindHinted(signature); hinted != nullptr) {
      return absl::UnauthenticatedError(absl::StrCat(
          "the signature that names ", hinted->name, "'s key ", hinted->key.id(),
          " is not that key's over this payload: the bytes were altered or signed with another ",
          "key (trusted: ", JoinNames(signers_), ")"));
    }
  }
  return absl::UnauthenticatedError(
      absl::StrCat("none of the ", envelope.signatures.size(),
                   " signatures is by a trusted signer (trusted: ", JoinNames(signers_), ")"));
}

absl::StatusOr<VerifiedPayload> Verifier::Verify(const Envelope& envelope,
                                                 std::string_view expected_type,
                                                 int threshold) const {
  if (threshold < 1) {
    return absl::InternalError(
        absl::StrCat("a threshold of ", threshold, " would trust everybody"));
  }
  if (envelope.payload_type != expected_type) {
    return absl::InvalidArgumentError(
        absl::StrCat("the envelope holds '", absl::CHexEscape(envelope.payload_type),
                     "', expected is '", std::string(expected_type), "'"));
  }
  if (envelope.signatures.size() > kMaxSignatures) {
    return absl::InvalidArgumentError(absl::StrCat("the envelope carries ",
                                                   envelope.signatures.size(),
                                                   " signatures, allowed are ", kMaxSignatures));
  }
  const std::string message = PreAuthenticationEncoding(expected_type, envelope.payload);
  // Keys, not signatures; in the order of signers_, which is that of their names.
  std::set<const TrustedSigner*> counted;
  for (const EnvelopeSignature& signature : envelope.signatures) {
    const TrustedSigner* const signer = FindSigner(signature, message);
    if (signer != nullptr) counted.insert(signer);
  }
  if (counted.empty()) return ExplainRefusal(envelope);
  std::vector<std::string> names;
  names.reserve(counted.size());
  for (const TrustedSigner* signer : counted) names.push_back(signer->name);
  if (counted.size() < static_cast<size_t>(threshold)) {
    return absl::PermissionDeniedError(absl::StrCat(
        "signed by ", counted.size(), " trusted signer", counted.size() == 1 ? "" : "s", " (",
        absl::StrJoin(names, ", "), "), but ", threshold, " are needed"));
  }
  return VerifiedPayload(envelope.payload, std::move(names));
}

}  // namespace bpa
