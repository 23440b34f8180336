#include "controller/home.h"

#include <pwd.h>
#include <unistd.h>

#include <cstdlib>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "controller/directories.h"
#include "controller/forms.h"
#include "proto/trusted_file.h"
#include "proto/x509.h"
#include "proto/yaml/strict_yaml.h"

namespace bpa::controller {
namespace {

constexpr size_t kMaxPemBytes = 64 * 1024;
constexpr unsigned kFileMode = 0600;

std::string UserHome() {
  const char* home = std::getenv("HOME");
  if (home != nullptr && *home == '/') return home;
  const passwd* entry = getpwuid(geteuid());  // NOLINT(concurrency-mt-unsafe): one thread so far
  return entry != nullptr ? entry->pw_dir : "/";
}

// A missing file of the home, in words that help.
absl::Status Explain(const absl::Status& status, const std::string& path, const char* remedy) {
  if (!absl::IsNotFound(status)) return status;
  return absl::NotFoundError(absl::StrCat(path, " does not exist: ", remedy));
}

constexpr char kRunInit[] = "run `bpactl init --cluster NAME`, or name the home with --home";

absl::StatusOr<std::string> Read(const std::string& path, size_t max_bytes, FileSecrecy secrecy) {
  absl::StatusOr<std::string> text = ReadTrustedFile(path, max_bytes, secrecy);
  if (!text.ok()) return Explain(text.status(), path, kRunInit);
  return text;
}

// Ids and names become file names: nothing that could lead elsewhere may come through.
absl::Status CheckFileName(const std::string& name) {
  if (const std::string problem = NameProblem(name); !problem.empty()) {
    return absl::InvalidArgumentError(absl::StrCat("'", name, "' ", problem));
  }
  return absl::OkStatus();
}

// Until when; an error for what a node would only answer by hanging up.
absl::StatusOr<absl::Time> CheckValidNow(const std::string& path, const std::string& pem) {
  const auto chain = ParseCertificates(pem);
  if (!chain.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": ", chain.status().message()));
  }
  const absl::StatusOr<Validity> validity = ValidityOf(*chain->front());
  if (!validity.ok()) return validity.status();
  const absl::Time now = absl::Now();
  if (validity->Contains(now)) return validity->until;
  const bool expired = now > validity->until;
  return absl::FailedPreconditionError(
      absl::StrCat(path, expired ? " expired at " : " is valid only from ",
                   absl::FormatTime(expired ? validity->until : validity->from),
                   expired ? ": `bpactl renew` makes a new one, where ca.key is"
                           : ": is this machine's clock right?"));
}

template <typename Key>
absl::StatusOr<Key> ReadKey(const std::string& path, FileSecrecy secrecy, const char* remedy) {
  absl::StatusOr<std::string> pem = ReadTrustedFile(path, kMaxPemBytes, secrecy);
  if (!pem.ok()) return Explain(pem.status(), path, remedy);
  absl::StatusOr<Key> key = Key::FromPem(*pem);
  if (!key.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": ", key.status().message()));
  }
  return key;
}

}  // namespace

Home Home::Locate(const std::string& flag) {
  if (!flag.empty()) return Home(flag);
  const char* environment = std::getenv("BPA_HOME");
  if (environment != nullptr && *environment != '\0') return Home(environment);
  return Home(UserHome() + "/.bpa");
}

Home::Home(std::string path) : path_(std::move(path)) {}

std::string Home::cluster_path() const { return path_ + "/cluster.yaml"; }

absl::StatusOr<Cluster> Home::ReadCluster() const {
  absl::StatusOr<std::string> text =
      Read(cluster_path(), yaml::kMaxDocumentBytes, FileSecrecy::kPublic);
  if (!text.ok()) return text.status();
  return ParseCluster(*text, cluster_path());
}

absl::StatusOr<ClientIdentity> Home::ReadClientIdentity() const {
  absl::StatusOr<std::string> ca = Read(path_ + "/ca.pem", kMaxPemBytes, FileSecrecy::kPublic);
  if (!ca.ok()) return ca.status();
  absl::StatusOr<std::string> certificate =
      Read(path_ + "/client.pem", kMaxPemBytes, FileSecrecy::kPublic);
  if (!certificate.ok()) return certificate.status();
  const absl::StatusOr<absl::Time> until = CheckValidNow(path_ + "/client.pem", *certificate);
  if (!until.ok()) return until.status();
  absl::StatusOr<std::string> key = Read(path_ + "/client.key", kMaxPemBytes, FileSecrecy::kSecret);
  if (!key.ok()) return key.status();
  return ClientIdentity{.ca_certificate = *std::move(ca),
                        .certificate = *std::move(certificate),
                        .certificate_until = *until,
                        .private_key = *std::move(key)};
}

absl::StatusOr<PrivateKey> Home::ReadSigningKey() const {
  return ReadKey<PrivateKey>(path_ + "/signer.key", FileSecrecy::kSecret,
                             "run `bpactl init`, or sign elsewhere with `bpactl sign --key`");
}

absl::StatusOr<PublicKey> Home::ReadReportKey(const std::string& node) const {
  if (absl::Status status = CheckFileName(node); !status.ok()) return status;
  return ReadKey<PublicKey>(absl::StrCat(path_, "/nodes/", node, "/report.pem"),
                            FileSecrecy::kPublic,
                            "the node's report key is not known here; `bpactl enroll` the node");
}

std::string Home::CommandDirectory(const std::string& command_id) const {
  return absl::StrCat(path_, "/commands/", command_id);
}

absl::StatusOr<std::string> Home::MakeCommandDirectory(const std::string& command_id) const {
  if (absl::Status status = CheckFileName(command_id); !status.ok()) return status;
  if (auto made = MakePrivateDirectory(path_ + "/commands"); !made.ok()) return made.status();
  std::string directory = CommandDirectory(command_id);
  if (auto made = MakePrivateDirectory(directory); !made.ok()) return made.status();
  return directory;
}

absl::Status Home::SaveCommand(const std::string& command_id, std::string_view envelope) const {
  absl::StatusOr<std::string> directory = MakeCommandDirectory(command_id);
  if (!directory.ok()) return directory.status();
  return WriteFileDurably(*directory + "/command.dsse", envelope, kFileMode);
}

absl::Status Home::SaveReport(const std::string& command_id, const std::string& node,
                              std::string_view envelope) const {
  if (absl::Status status = CheckFileName(command_id); !status.ok()) return status;
  if (absl::Status status = CheckFileName(node); !status.ok()) return status;
  return WriteFileDurably(absl::StrCat(path_, "/commands/", command_id, "/", node, ".report.dsse"),
                          envelope, kFileMode);
}

}  // namespace bpa::controller
