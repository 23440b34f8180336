// A command in a file: on its way to another signer, to the bastion, or into the archive.
#ifndef BPA_CONTROLLER_COMMAND_FILE_H_
#define BPA_CONTROLLER_COMMAND_FILE_H_

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bpa/v1/command.pb.h"
#include "proto/envelope.h"

namespace bpa::controller {

struct CommandFile {
  // Its signatures are not verified: the nodes know whom they trust.
  Envelope envelope;
  v1::Command command;
};

// `bytes` is an envelope (proto/envelope.h) that holds a command. InvalidArgument for anything
// else, also for a command with fields that this bpactl does not know and could not show.
absl::StatusOr<CommandFile> ParseCommandFile(const std::string& bytes);

// The same from a file, which may be anybody's: what is in it is checked, shown, and then signed
// or not. Errors name the file.
absl::StatusOr<CommandFile> ReadCommandFile(const std::string& path);
absl::Status WriteCommandFile(const std::string& path, const Envelope& envelope);

// At most `max_bytes` of a regular file without regard to its owner and mode.
absl::StatusOr<std::string> ReadUntrustedFile(const std::string& path, size_t max_bytes);

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_COMMAND_FILE_H_
