// From verified bytes to a command that is safe to look at.
#ifndef BPA_AGENT_EXECUTOR_COMMAND_H_
#define BPA_AGENT_EXECUTOR_COMMAND_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "bpa/v1/command.pb.h"
#include "proto/limits.h"
#include "proto/verifier.h"

namespace bpa::executor {

// A parsed command: every list and string within its limit, every enum a known value, names and
// paths well-formed and normal, ids unique. Only ParseCommand makes one.
class Command {
 public:
  const v1::Command& proto() const { return proto_; }
  // SHA-256 of the signed payload.
  const std::string& payload_sha256() const { return payload_sha256_; }
  const std::vector<std::string>& signers() const { return signers_; }

 private:
  friend absl::StatusOr<Command> ParseCommand(const VerifiedPayload& payload);
  Command() = default;

  v1::Command proto_;
  std::string payload_sha256_;
  std::vector<std::string> signers_;
};

// The only parser of command bytes. InvalidArgument names the field and the limit or form.
absl::StatusOr<Command> ParseCommand(const VerifiedPayload& payload);

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_COMMAND_H_
