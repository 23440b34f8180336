#include "controller/agent_bundle.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "controller/directories.h"
#include "controller/forms.h"
#include "proto/trusted_file.h"
#include "proto/yaml/strict_yaml.h"

namespace bpa::controller {
namespace {

constexpr unsigned kPublicMode = 0644;
constexpr unsigned kSecretMode = 0600;
constexpr mode_t kDirectoryMode = 0755;

}  // namespace

std::string RenderAgentYaml(const Node& node, const std::string& cluster,
                            const std::string& policy) {
  const std::string port = node.address.substr(node.address.rfind(':') + 1);
  const bool is_ipv6 = node.address.starts_with("[");
  return absl::StrCat(
      "# /etc/bpa-agent/agent.yaml: made by bpactl for this node.\n"
      "cluster: ",
      cluster, "\nnode: ", node.name,
      "\n\n"
      "# bpa-gateway: on the network, without privilege.\n"
      "gateway:\n  listen: ",
      is_ipv6 ? absl::StrCat("\"[::]:", port, "\"") : absl::StrCat("0.0.0.0:", port),
      "\n\n"
      "# bpa-executor: as root, without network.\n"
      "executor:\n  gateway_user: bpa-agent\n\n",
      policy, policy.ends_with('\n') ? "" : "\n");
}

namespace {

absl::Status MakeDirectory(const std::string& path) {
  if (mkdir(path.c_str(), kDirectoryMode) != 0) return ErrnoStatus(errno, "mkdir", path);
  // Whatever the umask.
  if (chmod(path.c_str(), kDirectoryMode) != 0) return ErrnoStatus(errno, "chmod", path);
  return absl::OkStatus();
}

struct File {
  std::string path;
  std::string contents;
  unsigned mode;
};

absl::StatusOr<std::vector<File>> MakeFiles(const Node& node, const BundleContents& contents,
                                            absl::Time now) {
  absl::StatusOr<PrivateKey> tls_key = PrivateKey::GenerateEcdsaP256();
  if (!tls_key.ok()) return tls_key.status();
  absl::StatusOr<std::string> certificate =
      IssueNodeCertificate(contents.authority, tls_key->public_key(), contents.cluster, node,
                           {.now = now, .node_now = now});
  if (!certificate.ok()) return certificate.status();
  absl::StatusOr<PrivateKey> report_key = PrivateKey::GenerateEd25519();
  if (!report_key.ok()) return report_key.status();
  const std::string signer_file =
      absl::StrCat("agent/trusted-signers.d/", contents.signer_name, ".pem");
  return std::vector<File>{
      {"report.pem", report_key->public_key().ToPem(), kPublicMode},
      {"node.pem", *certificate, kPublicMode},
      {"agent/agent.yaml", RenderAgentYaml(node, contents.cluster, contents.policy), kPublicMode},
      {"agent/report.key", report_key->ToPem(), kSecretMode},
      {"agent/tls/ca.pem", contents.authority.certificate_pem, kPublicMode},
      {"agent/tls/node.pem", *certificate, kPublicMode},
      {"agent/tls/node.key", tls_key->ToPem(), kSecretMode},
      {signer_file, contents.signer.ToPem(), kPublicMode}};
}

absl::Status Fill(const std::string& directory, const std::vector<File>& files) {
  for (const char* name : {"", "/agent", "/agent/tls", "/agent/trusted-signers.d"}) {
    if (absl::Status status = MakeDirectory(directory + name); !status.ok()) return status;
  }
  for (const File& file : files) {
    absl::Status status =
        WriteFileDurably(absl::StrCat(directory, "/", file.path), file.contents, file.mode);
    if (!status.ok()) return status;
  }
  for (const char* name : {"/agent", ""}) {
    if (absl::Status status = SyncDirectory(directory + name); !status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckPolicySection(const std::string& text, const std::string& file_name) {
  absl::StatusOr<yaml::Value> document = yaml::Parse(text, file_name);
  if (!document.ok()) return document.status();
  if (absl::Status status = document->ExpectKeys({"policy"}); !status.ok()) return status;
  absl::StatusOr<yaml::Value> policy = document->Get("policy");
  if (!policy.ok()) return policy.status();
  return policy->ExpectKeys({"allow", "sysctls", "directory_roots", "package_roots", "mount_points",
                             "filesystems", "volume_models", "device_paths", "thresholds",
                             "max_validity", "max_clock_skew"});
}

absl::Status MakeAgentBundle(const std::string& directory, const Node& node,
                             const BundleContents& contents, absl::Time now) {
  // No node's name begins with a dot. What an interrupted run left there is nobody's.
  const std::string parent = ParentDirectory(directory);
  const std::string temporary = absl::StrCat(parent, "/.", node.name, ".new");
  std::error_code error;
  std::filesystem::remove_all(temporary, error);
  if (error) return ErrnoStatus(error.value(), "remove", temporary);
  const absl::StatusOr<std::vector<File>> files = MakeFiles(node, contents, now);
  if (!files.ok()) return files.status();
  if (absl::Status status = Fill(temporary, *files); !status.ok()) return status;
  if (std::rename(temporary.c_str(), directory.c_str()) != 0) {
    return ErrnoStatus(errno, "rename", directory);
  }
  return SyncDirectory(parent);
}

}  // namespace bpa::controller
