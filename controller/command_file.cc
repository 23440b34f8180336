#include "controller/command_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "proto/trusted_file.h"

namespace bpa::controller {
namespace {

constexpr unsigned kCommandFileMode = 0644;

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

bool HasUnknownFields(const Message& message) {
  const Reflection& reflection = *message.GetReflection();
  if (!reflection.GetUnknownFields(message).empty()) return true;
  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) continue;
    if (!field->is_repeated()) {
      if (HasUnknownFields(reflection.GetMessage(message, field))) return true;
      continue;
    }
    for (int i = 0; i < reflection.FieldSize(message, field); ++i) {
      if (HasUnknownFields(reflection.GetRepeatedMessage(message, field, i))) return true;
    }
  }
  return false;
}

absl::Status AtPath(const std::string& path, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(path, ": ", status.message()));
}

}  // namespace

absl::StatusOr<CommandFile> ParseCommandFile(const std::string& bytes) {
  absl::StatusOr<Envelope> envelope = DecodeEnvelope(bytes);
  if (!envelope.ok()) return envelope.status();
  if (envelope->payload_type != kCommandPayloadType) {
    return absl::InvalidArgumentError("an envelope, but there is no command in it");
  }
  CommandFile file;
  if (!file.command.ParseFromString(envelope->payload)) {
    return absl::InvalidArgumentError("the envelope's payload is not a command");
  }
  if (HasUnknownFields(file.command)) {
    return absl::InvalidArgumentError(
        "the command says something that this bpactl does not know and cannot show; use the "
        "version that made it");
  }
  file.envelope = *std::move(envelope);
  return file;
}

absl::StatusOr<CommandFile> ReadCommandFile(const std::string& path) {
  absl::StatusOr<std::string> bytes = ReadUntrustedFile(path, kMaxEnvelopeBytes);
  if (!bytes.ok()) return bytes.status();
  absl::StatusOr<CommandFile> file = ParseCommandFile(*bytes);
  if (!file.ok()) return AtPath(path, file.status());
  return file;
}

absl::Status WriteCommandFile(const std::string& path, const Envelope& envelope) {
  absl::StatusOr<std::string> bytes = EncodeEnvelope(envelope);
  if (!bytes.ok()) return AtPath(path, bytes.status());
  return WriteFileDurably(path, *bytes, kCommandFileMode);
}

absl::StatusOr<std::string> ReadUntrustedFile(const std::string& path, size_t max_bytes) {
  // O_NONBLOCK: opening a FIFO must not wait for a writer; it is refused below.
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) return ErrnoStatus(errno, "open", path);
  const auto close_fd = absl::MakeCleanup([fd] { close(fd); });
  struct stat info;
  if (fstat(fd, &info) != 0) return ErrnoStatus(errno, "fstat", path);
  if (!S_ISREG(info.st_mode)) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": not a regular file"));
  }
  std::string bytes(max_bytes + 1, '\0');
  size_t size = 0;
  while (size < bytes.size()) {
    const ssize_t got = read(fd, bytes.data() + size, bytes.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoStatus(errno, "read", path);
    if (got == 0) break;
    size += static_cast<size_t>(got);
  }
  if (size > max_bytes) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": longer than the ", max_bytes, " bytes allowed"));
  }
  bytes.resize(size);
  return bytes;
}

}  // namespace bpa::controller
