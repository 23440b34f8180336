// What a node answered is believed only after this.
#ifndef BPA_CONTROLLER_REPORT_CHECK_H_
#define BPA_CONTROLLER_REPORT_CHECK_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bpa/v1/command.pb.h"
#include "bpa/v1/report.pb.h"
#include "proto/verifier.h"

namespace bpa::controller {

// What a report must say to be the answer to a command that was sent.
struct SentCommand {
  v1::Command command;
  std::string payload_sha256;
};

// Reads back what is about to be sent. InvalidArgument if it is not a command's envelope. Its
// signatures are the nodes' business: they hold the list of trusted signers.
absl::StatusOr<SentCommand> ReadSentCommand(std::string_view envelope);

// `pinned` trusts the node's report key and nothing else. Unauthenticated when `envelope` is not
// signed by it; InvalidArgument when the signed report
// is malformed or answers another command, other bytes, another cluster, node or mode.
absl::StatusOr<v1::Report> CheckReport(std::string_view envelope, const Verifier& pinned,
                                       const SentCommand& sent, const std::string& node);

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_REPORT_CHECK_H_
