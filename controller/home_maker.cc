#include "controller/home_maker.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "controller/agent_bundle.h"
#include "controller/authority.h"
#include "controller/certificates.h"
#include "controller/directories.h"
#include "controller/forms.h"
#include "proto/trusted_file.h"
#include "proto/yaml/strict_yaml.h"

namespace bpa::controller {
namespace {

constexpr unsigned kSecretMode = 0600;
constexpr unsigned kPublicMode = 0644;

absl::StatusOr<std::optional<std::string>> ReadIfPresent(const std::string& path,
                                                         FileSecrecy secrecy) {
  absl::StatusOr<std::string> text = ReadTrustedFile(path, yaml::kMaxDocumentBytes, secrecy);
  if (absl::IsNotFound(text.status())) return std::nullopt;
  if (!text.ok()) return text.status();
  return *std::move(text);
}

absl::StatusOr<PrivateKey> Generate(SignerType type) {
  return type == SignerType::kEd25519 ? PrivateKey::GenerateEd25519()
                                      : PrivateKey::GenerateEcdsaP256();
}

// The rest of a bundle may leave the bastion, keys above all; the pinned key stays.
absl::StatusOr<bool> BundleIsMade(const std::string& directory) {
  absl::StatusOr<bool> present = PathExists(directory);
  if (!present.ok() || !*present) return present;
  absl::StatusOr<bool> pinned = PathExists(directory + "/report.pem");
  if (!pinned.ok() || *pinned) return pinned;
  return absl::FailedPreconditionError(
      absl::StrCat(directory,
                   " has no report.pem: enrol the node; or put the file back; or remove the "
                   "directory to have the node's keys made here anew"));
}

// One run. Every step makes its file only if that is absent, a key before what is derived from it:
// whatever an interrupted run left behind is a beginning that the next run continues.
class HomeMaker {
 public:
  HomeMaker(const Home& home, const HomeOptions& options, absl::Time now,
            const std::function<void(const std::string&)>& made)
      : home_(home), options_(options), now_(now), made_(made) {}

  absl::StatusOr<HomeResult> Run();

 private:
  absl::Status ReadCluster();
  absl::Status CheckAgainstOptions(const Cluster& cluster) const;
  absl::Status LockHome();
  absl::StatusOr<PrivateKey> EnsureKey(const std::string& name, SignerType type);
  template <typename MakeText>
  absl::StatusOr<std::string> EnsureFile(const std::string& name, const MakeText& make_text);
  absl::StatusOr<Authority> EnsureAuthority();
  absl::Status EnsureClient(const Authority& authority);
  absl::Status EnsureClusterFile();
  absl::Status EnsureBundles(const Authority& authority, const PublicKey& signer);

  std::string Path(const std::string& name) const { return absl::StrCat(home_.path(), "/", name); }

  const Home& home_;
  const HomeOptions& options_;
  const absl::Time now_;
  const std::function<void(const std::string&)>& made_;
  absl::StatusOr<Cluster> cluster_ = Cluster();  // an error: cluster_text_ is not complete yet
  std::string cluster_name_;
  std::string new_cluster_text_;  // empty when cluster.yaml is there
  int lock_ = -1;
};

absl::Status HomeMaker::CheckAgainstOptions(const Cluster& cluster) const {
  if (!options_.cluster.empty() && options_.cluster != cluster.name) {
    return absl::InvalidArgumentError(absl::StrCat(home_.cluster_path(), " is of cluster '",
                                                   cluster.name, "', not '", options_.cluster,
                                                   "': give another cluster its own --home"));
  }
  for (const NodeArgument& node : options_.nodes) {
    const bool is_known =
        std::any_of(cluster.nodes.begin(), cluster.nodes.end(),
                    [&node](const Node& known) { return known.name == node.name; });
    if (!is_known) {
      return absl::InvalidArgumentError(
          absl::StrCat("node '", node.name, "' is not in ", home_.cluster_path(),
                       ", which is yours to edit: add it there and run `bpactl init` again"));
    }
  }
  return absl::OkStatus();
}

absl::Status HomeMaker::ReadCluster() {
  const auto text = ReadIfPresent(home_.cluster_path(), FileSecrecy::kPublic);
  if (!text.ok()) return text.status();
  if (text->has_value()) {
    cluster_ = ParseCluster(**text, home_.cluster_path());
    if (!cluster_.ok()) return cluster_.status();
    cluster_name_ = cluster_->name;
    return CheckAgainstOptions(*cluster_);
  }
  if (options_.cluster.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(home_.cluster_path(), " does not exist yet: name the cluster with --cluster"));
  }
  if (const std::string problem = NameProblem(options_.cluster); !problem.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--cluster: '", options_.cluster, "' ", problem));
  }
  cluster_name_ = options_.cluster;
  new_cluster_text_ = RenderCluster(options_.cluster, options_.nodes);
  cluster_ = ParseCluster(new_cluster_text_, home_.cluster_path());
  const bool to_be_filled_in =
      options_.nodes.empty() ||
      std::any_of(options_.nodes.begin(), options_.nodes.end(),
                  [](const NodeArgument& node) { return node.volume.empty(); });
  // What only lacks a volume or the nodes is written all the same, for the operator to complete.
  return cluster_.ok() || to_be_filled_in ? absl::OkStatus() : cluster_.status();
}

absl::Status HomeMaker::LockHome() {
  absl::StatusOr<bool> is_new = MakePrivateDirectory(home_.path());
  if (!is_new.ok()) return is_new.status();
  if (*is_new) made_(home_.path());
  lock_ = open(home_.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (lock_ < 0) return ErrnoStatus(errno, "open", home_.path());
  if (flock(lock_, LOCK_EX | LOCK_NB) == 0) return absl::OkStatus();
  if (errno != EWOULDBLOCK) return ErrnoStatus(errno, "flock", home_.path());
  return absl::AbortedError(
      absl::StrCat("another `bpactl init` is at work in ", home_.path(), ": wait for it"));
}

template <typename MakeText>
absl::StatusOr<std::string> HomeMaker::EnsureFile(const std::string& name,
                                                  const MakeText& make_text) {
  const std::string path = Path(name);
  const auto present = ReadIfPresent(path, FileSecrecy::kPublic);
  if (!present.ok()) return present.status();
  if (present->has_value()) return **present;
  absl::StatusOr<std::string> text = make_text();
  if (!text.ok()) return text.status();
  if (absl::Status status = WriteFileDurably(path, *text, kPublicMode); !status.ok()) return status;
  made_(path);
  return text;
}

absl::StatusOr<PrivateKey> HomeMaker::EnsureKey(const std::string& name, SignerType type) {
  const std::string path = Path(name);
  const auto present = ReadIfPresent(path, FileSecrecy::kSecret);
  if (!present.ok()) return present.status();
  if (present->has_value()) {
    absl::StatusOr<PrivateKey> key = PrivateKey::FromPem(**present);
    if (!key.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(path, ": ", key.status().message()));
    }
    return key;
  }
  absl::StatusOr<PrivateKey> key = Generate(type);
  if (!key.ok()) return key;
  absl::Status status = WriteFileDurably(path, key->ToPem(), kSecretMode);
  if (!status.ok()) return status;
  made_(path);
  return key;
}

absl::StatusOr<Authority> HomeMaker::EnsureAuthority() {
  const absl::StatusOr<bool> has_certificate = PathExists(Path("ca.pem"));
  if (!has_certificate.ok()) return has_certificate.status();
  const absl::StatusOr<bool> has_key = PathExists(Path("ca.key"));
  if (!has_key.ok()) return has_key.status();
  if (*has_certificate && !*has_key) {
    return absl::FailedPreconditionError(absl::StrCat(
        Path("ca.key"), " is missing while ca.pem is there: put it back to issue certificates"));
  }
  absl::StatusOr<PrivateKey> key = EnsureKey("ca.key", SignerType::kEcdsaP256);
  if (!key.ok()) return key.status();
  absl::StatusOr<std::string> certificate =
      EnsureFile("ca.pem", [&] { return MakeAuthorityCertificate(*key, cluster_name_, now_); });
  if (!certificate.ok()) return certificate.status();
  absl::StatusOr<std::string> cluster = AuthorityCluster(*certificate);
  if (!cluster.ok()) {
    return absl::FailedPreconditionError(
        absl::StrCat(Path("ca.pem"), ": ", cluster.status().message()));
  }
  if (*cluster != cluster_name_) {
    return absl::FailedPreconditionError(absl::StrCat(Path("ca.pem"), " is of cluster '", *cluster,
                                                      "', not '", cluster_name_,
                                                      "': give another cluster its own --home"));
  }
  return Authority{.certificate_pem = *std::move(certificate), .key = *std::move(key)};
}

absl::Status HomeMaker::EnsureClient(const Authority& authority) {
  absl::StatusOr<PrivateKey> key = EnsureKey("client.key", SignerType::kEcdsaP256);
  if (!key.ok()) return key.status();
  const absl::StatusOr<std::string> certificate = EnsureFile("client.pem", [&] {
    return IssueControllerCertificate(authority, key->public_key(), cluster_name_,
                                      options_.controller_name, now_);
  });
  if (!certificate.ok()) return certificate.status();
  const absl::StatusOr<bool> renewed = RenewClientCertificate(home_, authority, now_);
  if (renewed.ok() && *renewed) made_(Path("client.pem"));
  return renewed.status();
}

absl::Status HomeMaker::EnsureClusterFile() {
  if (new_cluster_text_.empty()) return absl::OkStatus();
  return EnsureFile("cluster.yaml",
                    [this] { return absl::StatusOr<std::string>(new_cluster_text_); })
      .status();
}

absl::Status HomeMaker::EnsureBundles(const Authority& authority, const PublicKey& signer) {
  absl::StatusOr<bool> is_new = MakePrivateDirectory(Path("nodes"));
  if (!is_new.ok()) return is_new.status();
  const BundleContents contents = {.cluster = cluster_name_,
                                   .authority = authority,
                                   .signer = signer,
                                   .signer_name = options_.controller_name,
                                   .policy = options_.policy};
  for (const Node& node : cluster_->nodes) {
    const std::string directory = absl::StrCat(Path("nodes"), "/", node.name);
    const absl::StatusOr<bool> made_before = BundleIsMade(directory);
    if (!made_before.ok()) return made_before.status();
    if (*made_before) continue;
    absl::Status status = MakeAgentBundle(directory, node, contents, now_);
    if (!status.ok()) return status;
    made_(directory);
  }
  return absl::OkStatus();
}

absl::StatusOr<HomeResult> HomeMaker::Run() {
  if (absl::Status status = ReadCluster(); !status.ok()) return status;
  const auto unlock = absl::MakeCleanup([this] {
    if (lock_ >= 0) close(lock_);
  });
  if (absl::Status status = LockHome(); !status.ok()) return status;
  absl::StatusOr<Authority> authority = EnsureAuthority();
  if (!authority.ok()) return authority.status();
  if (absl::Status status = EnsureClient(*authority); !status.ok()) return status;
  absl::StatusOr<PrivateKey> signer = EnsureKey("signer.key", options_.signer_type);
  if (!signer.ok()) return signer.status();
  const absl::StatusOr<std::string> signer_pem = EnsureFile("signer.pem", [&signer] {
    return absl::StatusOr<std::string>(signer->public_key().ToPem());
  });
  if (!signer_pem.ok()) return signer_pem.status();
  if (absl::Status status = EnsureClusterFile(); !status.ok()) return status;

  HomeResult result;
  result.cluster_complete = cluster_.status();
  if (!cluster_.ok()) return result;
  if (options_.bundles) {
    absl::Status status = EnsureBundles(*authority, signer->public_key());
    if (!status.ok()) return status;
  }
  for (const Node& node : cluster_->nodes) result.nodes.push_back(node.name);
  return result;
}

}  // namespace

absl::StatusOr<HomeResult> MakeHome(const Home& home, const HomeOptions& options, absl::Time now,
                                    const std::function<void(const std::string& path)>& made) {
  if (const std::string problem = NameProblem(options.controller_name); !problem.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("controller name '", options.controller_name, "' ", problem));
  }
  return HomeMaker(home, options, now, made).Run();
}

}  // namespace bpa::controller
