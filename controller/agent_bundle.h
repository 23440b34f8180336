// What a node needs in its /etc/bpa-agent, made on the bastion.
#ifndef BPA_CONTROLLER_AGENT_BUNDLE_H_
#define BPA_CONTROLLER_AGENT_BUNDLE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "controller/certificates.h"
#include "controller/cluster.h"
#include "proto/keys.h"

namespace bpa::controller {

struct BundleContents {
  std::string cluster;
  const Authority& authority;
  // Commands signed by this key are obeyed; the node knows it as `signer_name`.
  const PublicKey& signer;
  std::string signer_name;
  // The text of agent.yaml's `policy` section.
  std::string policy;
};

// InvalidArgument, naming line and column, unless `text` is a `policy` section and nothing else.
absl::Status CheckPolicySection(const std::string& text, const std::string& file_name);

// The text of a node's agent.yaml; `policy` is its `policy` section.
std::string RenderAgentYaml(const Node& node, const std::string& cluster,
                            const std::string& policy);

// Makes `directory` (which must not exist; its parent must) with
//   report.pem                       the public half of the node's report key, to be pinned
//   node.pem                         the node's certificate, as issued
//   agent/agent.yaml                 configuration of both programs, with the policy
//   agent/report.key                 signs reports; 0600
//   agent/tls/{ca.pem,node.pem,node.key}
//   agent/trusted-signers.d/<signer_name>.pem
// all at once: after a crash at any point it is there whole or not at all.
absl::Status MakeAgentBundle(const std::string& directory, const Node& node,
                             const BundleContents& contents, absl::Time now);

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_AGENT_BUNDLE_H_
