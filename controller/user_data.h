// EC2 user-data that installs the agent on a node and tells it what it needs for being enrolled.
#ifndef BPA_CONTROLLER_USER_DATA_H_
#define BPA_CONTROLLER_USER_DATA_H_

#include <string>

#include "absl/status/statusor.h"
#include "controller/cluster.h"
#include "proto/keys.h"

namespace bpa::controller {

// EC2's limit, before base64.
inline constexpr size_t kMaxUserDataBytes = size_t{16} * 1024;

struct UserData {
  std::string cluster;
  const Node& node;
  // PEM.
  std::string ca_certificate;
  const PublicKey& signer;
  std::string signer_name;
  // The text of agent.yaml's `policy` section.
  std::string policy;
  // The 32 bytes.
  std::string join_secret;
  // https://, http:// or s3:// URL, or an absolute path on the node, of a .deb or .rpm; empty: the
  // node's image has the agent.
  std::string package;
  // Lower-case hexadecimal; empty without a package.
  std::string package_sha256;
  // Enrol the node again although it may be enrolled.
  bool rejoin = false;
};

// A bash script. InvalidArgument names the argument that cannot be.
absl::StatusOr<std::string> RenderScript(const UserData& data);

// MIME multipart with the script and, unless it is empty, a NodeConfig for EKS's nodeadm.
// InvalidArgument when that is none, or when all of it is larger than kMaxUserDataBytes.
absl::StatusOr<std::string> RenderMultipart(const std::string& script,
                                            const std::string& node_config);

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_USER_DATA_H_
