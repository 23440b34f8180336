// A command in words: what a signer reads before signing.
#ifndef BPA_CONTROLLER_COMMAND_TEXT_H_
#define BPA_CONTROLLER_COMMAND_TEXT_H_

#include <string>

#include "absl/time/time.h"
#include "bpa/v1/command.pb.h"

namespace bpa::controller {

// Everything that the command says, line by line: id, cluster, mode, operator, reason, times, nodes
// with their disks, and each role's acts; what wipes or formats is in capitals. Control characters
// and whatever is not ASCII are escaped: the text may be printed on a terminal whoever wrote the
// command.
std::string CommandText(const v1::Command& command, absl::Time now);

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_COMMAND_TEXT_H_
