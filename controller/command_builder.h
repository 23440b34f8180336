// From the cluster and the operator's wish to the command's bytes.
#ifndef BPA_CONTROLLER_COMMAND_BUILDER_H_
#define BPA_CONTROLLER_COMMAND_BUILDER_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "bpa/v1/command.pb.h"
#include "controller/cluster.h"
#include "proto/envelope.h"
#include "proto/keys.h"

namespace bpa::controller {

// Which parts of the desired state a command carries.
struct RoleParts {
  bool volumes = true;
  bool directories = true;
  bool sysctls = true;
  bool packages = true;
};

struct CommandOptions {
  v1::Mode mode = v1::MODE_PLAN;
  RoleParts parts;
  // Empties the directories whose entry says `reset: allowed`. Wipes data.
  bool reset_directories = false;
  // Empty: DefaultOperator().
  std::string operator_name;
  std::string reason;
  absl::Duration validity = absl::Minutes(10);
  // By node name: what the operator has seen and agreed to.
  std::map<std::string, v1::ReviewedPlan> reviewed_plans;
  // By role: the cluster's packages, or another in their place, with what their manifests say.
  std::map<std::string, std::vector<v1::Package>> packages;
};

// A command for `nodes`, which are of `cluster`, with the roles that they have and a new id.
//
// Without the volumes, directories and packages would land on the root disk where a volume is
// missing: so a command with them always carries the volumes that hold them, then without
// permission to format, to migrate or to grow.
//
// InvalidArgument names what is empty or over its limit (proto/limits.h).
absl::StatusOr<v1::Command> BuildCommand(const Cluster& cluster, const std::vector<Node>& nodes,
                                         const CommandOptions& options, absl::Time now);

// Serializes once: these bytes are signed, sent and archived, never made again. No signature yet.
absl::StatusOr<Envelope> WrapCommand(const v1::Command& command);

// Adds the signature of `key` over the envelope's payload. AlreadyExists if that key has signed.
absl::Status SignEnvelope(const PrivateKey& key, Envelope* envelope);

// Adds a signature that was made elsewhere, after verifying it: Unauthenticated if it is not this
// key's over the envelope's payload. Otherwise as SignEnvelope.
absl::Status AttachSignature(const PublicKey& key, const std::string& signature,
                             Envelope* envelope);

// RFC 9562, version 7: milliseconds of `now`, then 74 random bits; 36 lower-case characters.
// Internal if the system has no randomness.
absl::StatusOr<std::string> NewCommandId(absl::Time now);

// "alice@bastion": $SUDO_USER, else $USER, else the user's number, at the host's name.
std::string DefaultOperator();

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_COMMAND_BUILDER_H_
