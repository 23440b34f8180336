#include "controller/user_data.h"

#include <algorithm>
#include <string_view>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "controller/agent_bundle.h"
#include "controller/shipped_files.h"
#include "proto/enrollment_proof.h"

namespace bpa::controller {
namespace {

constexpr char kBoundary[] = "==BPA-AGENT-USER-DATA==";
constexpr char kHereEnd[] = "BPA_END_OF_FILE";
constexpr size_t kSha256Digits = 64;
// Signed S3 URLs are long.
constexpr size_t kMaxPackageBytes = 4096;

absl::Status Bad(const std::string& option, const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat(option, ": ", what));
}

absl::Status CheckPackage(const UserData& data) {
  const std::string& package = data.package;
  if (package.empty()) return absl::OkStatus();
  // Within single quotes in the script; and user-data is ASCII.
  const bool plain = std::all_of(package.begin(), package.end(), [](unsigned char c) {
    return absl::ascii_isgraph(c) && c != '\'' && c != '\\';
  });
  if (!plain || package.size() > kMaxPackageBytes) {
    return Bad("--package", "expected a URL or path without blanks, quotes and backslashes");
  }
  if (!absl::StartsWith(package, "https://") && !absl::StartsWith(package, "http://") &&
      !absl::StartsWith(package, "s3://") && !absl::StartsWith(package, "/")) {
    return Bad("--package", absl::StrCat("'", package,
                                         "': expected https://, http://, s3:// or an absolute path "
                                         "on the node"));
  }
  const std::string file = package.substr(0, package.find('?'));
  if (!absl::EndsWith(file, ".deb") && !absl::EndsWith(file, ".rpm")) {
    return Bad("--package", absl::StrCat("'", file, "': expected a .deb or an .rpm"));
  }
  const std::string& sum = data.package_sha256;
  const bool is_sum =
      sum.size() == kSha256Digits && std::all_of(sum.begin(), sum.end(), [](unsigned char c) {
        return absl::ascii_isdigit(c) || (c >= 'a' && c <= 'f');
      });
  if (is_sum) return absl::OkStatus();
  return Bad("--package-sha256",
             "expected 64 hexadecimal digits, as sha256sum prints them; or give --package-file");
}

// One command of the script that takes `text` as its input.
void AppendInput(const std::string& command, const std::string& text, std::string& script) {
  absl::StrAppend(&script, command, " <<'", kHereEnd, "'\n", text,
                  absl::EndsWith(text, "\n") ? "" : "\n", kHereEnd, "\n");
}

bool IsAscii(const std::string& text) {
  return std::all_of(text.begin(), text.end(),
                     [](unsigned char c) { return absl::ascii_isprint(c) || c == '\n'; });
}

}  // namespace

absl::StatusOr<std::string> RenderScript(const UserData& data) {
  if (absl::Status s = CheckPackage(data); !s.ok()) return s;
  const std::string agent_yaml = RenderAgentYaml(data.node, data.cluster, data.policy);
  std::string script = absl::StrCat(
      "#!/bin/bash\n# Installs the BPA node agent as ", data.node.name, " of ", data.cluster,
      ". It holds a secret, which is good for one enrolment.\n", "bpa_node='", data.node.name,
      "'\nbpa_package='", data.package, "'\nbpa_package_sha256='", data.package_sha256,
      "'\nbpa_rejoin=", data.rejoin ? "yes" : "no", "\n\n", std::string(ShippedUserData()), "\n");
  AppendInput("bpa_put 0644 \"$bpa_etc/agent.yaml\"", agent_yaml, script);
  AppendInput("bpa_put 0644 \"$bpa_etc/tls/ca.pem\"", data.ca_certificate, script);
  AppendInput(
      absl::StrCat("bpa_put 0644 \"$bpa_etc/trusted-signers.d/", data.signer_name, ".pem\""),
      data.signer.ToPem(), script);
  AppendInput("bpa_join", FormatJoinSecret(data.join_secret), script);
  script += "bpa_start\n";
  if (!IsAscii(script)) return Bad("--policy", "only ASCII can go into user-data");
  if (absl::StrContains(data.policy, absl::StrCat("\n", kHereEnd))) {
    return Bad("--policy", absl::StrCat("a line of it is ", kHereEnd));
  }
  return script;
}

absl::StatusOr<std::string> RenderMultipart(const std::string& script,
                                            const std::string& node_config) {
  std::string text = absl::StrCat("Content-Type: multipart/mixed; boundary=\"", kBoundary,
                                  "\"\nMIME-Version: 1.0\n\n");
  if (!node_config.empty()) {
    if (!absl::StrContains(node_config, "kind: NodeConfig") ||
        absl::StrContains(node_config, kBoundary)) {
      return Bad("--node-config",
                 "expected a nodeadm NodeConfig (apiVersion: node.eks.aws/v1alpha1, kind: "
                 "NodeConfig) in YAML");
    }
    absl::StrAppend(&text, "--", kBoundary, "\nContent-Type: application/node.eks.aws\n\n",
                    node_config, absl::EndsWith(node_config, "\n") ? "" : "\n");
  }
  absl::StrAppend(&text, "--", kBoundary,
                  "\nContent-Type: text/x-shellscript; charset=\"us-ascii\"\n\n", script, "--",
                  kBoundary, "--\n");
  if (text.size() <= kMaxUserDataBytes) return text;
  return absl::InvalidArgumentError(absl::StrCat("the user-data would be ", text.size(),
                                                 " bytes, and EC2 takes ", kMaxUserDataBytes,
                                                 ": shorten --node-config or --policy"));
}

}  // namespace bpa::controller
