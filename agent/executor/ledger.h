// The two facts that a resource must still know after a crash. The journal keeps them.
#ifndef BPA_AGENT_EXECUTOR_LEDGER_H_
#define BPA_AGENT_EXECUTOR_LEDGER_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace bpa::executor {

// A format that was begun on a disk that had been proven blank. While it stands unfinished, what is
// on that disk under `uuid`, or without any signature, is our own half-made filesystem.
struct FormatIntent {
  // Serial, or the device node where the disk has no serial.
  std::string disk;
  uint64_t size_bytes;
  std::string filesystem;  // "xfs" or "ext4"
  std::string uuid;

  friend bool operator==(const FormatIntent&, const FormatIntent&) = default;
};

// Every write is durable when it returns. Used by one thread at a time.
class Ledger {
 public:
  virtual ~Ledger() = default;

  // Replaces an earlier intent for the same disk.
  virtual absl::Status BeginFormat(const FormatIntent& intent) = 0;
  virtual absl::StatusOr<std::optional<FormatIntent>> UnfinishedFormat(const std::string& disk) = 0;
  virtual absl::Status FinishFormat(const std::string& disk) = 0;

  // A reset of `path` happens once per command, however often the command is sent.
  virtual absl::StatusOr<bool> ResetDone(const std::string& command_id,
                                         const std::string& path) = 0;
  virtual absl::Status RecordReset(const std::string& command_id, const std::string& path) = 0;
};

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_LEDGER_H_
