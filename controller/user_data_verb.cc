#include "controller/user_data_verb.h"

#include <fcntl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <memory>
#include <ostream>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "controller/agent_bundle.h"
#include "controller/node_record.h"
#include "controller/session.h"
#include "controller/shipped_files.h"
#include "controller/user_data.h"
#include "proto/sha256.h"
#include "proto/trusted_file.h"
#include "proto/yaml/strict_yaml.h"

namespace bpa::controller {
namespace {

struct UserDataArguments {
  std::string node;
  std::string package;
  std::string package_sha256;
  std::string package_file;
  std::string node_config_file;
  std::string policy_file;
  std::string out_file;
  bool rejoin = false;
  bool script = false;
};

// What nodes call the home's signing key; as `bpactl init` does.
constexpr char kSignerName[] = "bastion";
constexpr unsigned kSecretMode = 0600;

absl::StatusOr<std::string> DigestOfPath(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return ErrnoStatus(errno, "open", path);
  const auto close_fd = absl::MakeCleanup([fd] { close(fd); });
  const absl::StatusOr<Sha256> digest = DigestOfFile(fd);
  if (!digest.ok()) return digest.status();
  return absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(digest->data()), digest->size()));
}

absl::StatusOr<std::string> PackageDigest(const UserDataArguments& arguments) {
  if (!arguments.package_file.empty()) return DigestOfPath(arguments.package_file);
  if (arguments.package.empty() && !arguments.package_sha256.empty()) {
    return absl::InvalidArgumentError("--package-sha256: of which --package?");
  }
  return arguments.package_sha256;
}

absl::StatusOr<std::string> Policy(const UserDataArguments& arguments) {
  if (arguments.policy_file.empty()) return std::string(ShippedPolicy());
  absl::StatusOr<std::string> policy =
      ReadTrustedFile(arguments.policy_file, yaml::kMaxDocumentBytes, FileSecrecy::kPublic);
  if (!policy.ok()) return policy;
  absl::Status valid = CheckPolicySection(*policy, arguments.policy_file);
  if (!valid.ok()) return valid;
  return policy;
}

absl::StatusOr<std::string> NodeConfig(const UserDataArguments& arguments) {
  if (arguments.node_config_file.empty()) return "";
  return ReadTrustedFile(arguments.node_config_file, kMaxUserDataBytes, FileSecrecy::kPublic);
}

// The node's secret. An enrolled node's is used up; another is made only when that is meant.
absl::StatusOr<std::string> SecretFor(const Home& home, const UserDataArguments& arguments) {
  const NodeRecord record(home, arguments.node);
  const auto secret = record.ReadJoinSecret();
  if (!secret.ok()) return secret.status();
  const auto certificate = record.ReadCertificate();
  if (!certificate.ok()) return certificate.status();
  if (!secret->has_value() && certificate->has_value() && !arguments.rejoin) {
    return absl::FailedPreconditionError(
        absl::StrCat(arguments.node,
                     " is enrolled, and its join secret is used up: --rejoin makes another, for "
                     "an instance that takes its place or is to be enrolled again"));
  }
  return record.EnsureJoinSecret();
}

absl::StatusOr<std::string> MakeUserData(const Session& session,
                                         const UserDataArguments& arguments) {
  const absl::StatusOr<std::string> digest = PackageDigest(arguments);
  if (!digest.ok()) return digest.status();
  const absl::StatusOr<std::string> policy = Policy(arguments);
  if (!policy.ok()) return policy.status();
  const absl::StatusOr<std::string> node_config = NodeConfig(arguments);
  if (!node_config.ok()) return node_config.status();
  const absl::StatusOr<ClientIdentity> identity = session.home().ReadClientIdentity();
  if (!identity.ok()) return identity.status();
  const absl::StatusOr<PrivateKey> signer = session.home().ReadSigningKey();
  if (!signer.ok()) return signer.status();
  const absl::StatusOr<std::string> secret = SecretFor(session.home(), arguments);
  if (!secret.ok()) return secret.status();
  const UserData data{.cluster = session.cluster().name,
                      .node = session.nodes().front(),
                      .ca_certificate = identity->ca_certificate,
                      .signer = signer->public_key(),
                      .signer_name = kSignerName,
                      .policy = *policy,
                      .join_secret = *secret,
                      .package = arguments.package,
                      .package_sha256 = *digest,
                      .rejoin = arguments.rejoin};
  absl::StatusOr<std::string> script = RenderScript(data);
  if (!script.ok() || arguments.script) return script;
  return RenderMultipart(*script, *node_config);
}

int RunUserData(const GlobalOptions& global, const UserDataArguments& arguments) {
  const absl::StatusOr<Session> session = Session::Open(global, {arguments.node});
  if (!session.ok()) return ReportError(global, session.status());
  const absl::StatusOr<std::string> text = MakeUserData(*session, arguments);
  if (!text.ok()) return ReportError(global, text.status());
  if (arguments.out_file.empty()) {
    global.out << *text << std::flush;
    return kExitConverged;
  }
  const absl::Status written = WriteFileDurably(arguments.out_file, *text, kSecretMode);
  return written.ok() ? kExitConverged : ReportError(global, written);
}

}  // namespace

void RegisterUserData(CLI::App& app, const GlobalOptions& global, int* exit_code) {
  CLI::App* verb = app.add_subcommand(
      "user-data",
      "Print EC2 user-data that installs the agent as NODE and prepares its enrolment.\n"
      "It holds a secret that is good for one enrolment.");
  auto arguments = std::make_shared<UserDataArguments>();
  verb->add_option("NODE", arguments->node, "The node, as in cluster.yaml")
      ->required()
      ->type_name("");
  CLI::Option* package =
      verb->add_option("--package", arguments->package,
                       "The agent's .deb or .rpm: https://, http:// or s3:// URL, or a path on the "
                       "node; not needed if the node's image has the agent")
          ->type_name("LOCATION");
  CLI::Option* sum = verb->add_option("--package-sha256", arguments->package_sha256,
                                      "The package's SHA-256, checked before it is installed")
                         ->type_name("HEX");
  verb->add_option("--package-file", arguments->package_file,
                   "A copy of the package here, whose SHA-256 is taken")
      ->type_name("FILE")
      ->needs(package)
      ->excludes(sum);
  verb->add_option("--node-config", arguments->node_config_file,
                   "A NodeConfig for EKS's nodeadm, to be part of it")
      ->type_name("FILE");
  verb->add_option("--policy", arguments->policy_file,
                   "A `policy` section for the node's agent.yaml, instead of the shipped one")
      ->type_name("FILE");
  verb->add_option("--out", arguments->out_file, "Write there, readable by you alone")
      ->type_name("FILE");
  verb->add_flag("--rejoin", arguments->rejoin,
                 "With a new secret, for a node that is or was enrolled");
  verb->add_flag("--script", arguments->script,
                 "The shell script alone, to be run on the node as root");
  verb->callback([&global, exit_code, arguments] { *exit_code = RunUserData(global, *arguments); });
}

}  // namespace bpa::controller
