// How commands ended on this node since the gateway started: what monitoring counts.
#ifndef BPA_AGENT_GATEWAY_COMMAND_COUNTS_H_
#define BPA_AGENT_GATEWAY_COMMAND_COUNTS_H_

#include <array>
#include <cstdint>
#include <mutex>

#include "bpa/v1/status.pb.h"

namespace bpa::gateway {

// Safe to use from several threads.
class CommandCounts {
 public:
  // By the numbers of the enums; what the executor says beyond them counts as UNSPECIFIED.
  struct Values {
    // [mode][outcome]; a refused command is not among them.
    std::array<std::array<uint64_t, v1::Outcome_ARRAYSIZE>, v1::Mode_ARRAYSIZE> ended{};
    // [reason]
    std::array<uint64_t, v1::RefusalReason_ARRAYSIZE> refused{};
  };

  // Leaves out a command that only got its report again.
  void Count(const v1::Ended& ended) {
    if (ended.again()) return;
    const std::lock_guard lock(mutex_);
    if (ended.refusal() != v1::REFUSAL_REASON_UNSPECIFIED) {
      ++values_.refused[Known(ended.refusal(), v1::RefusalReason_IsValid)];
      return;
    }
    ++values_.ended[Known(ended.mode(), v1::Mode_IsValid)]
                   [Known(ended.outcome(), v1::Outcome_IsValid)];
  }

  Values values() const {
    const std::lock_guard lock(mutex_);
    return values_;
  }

 private:
  static size_t Known(int value, bool (*is_valid)(int)) {
    return is_valid(value) ? static_cast<size_t>(value) : 0;
  }

  mutable std::mutex mutex_;
  Values values_;  // guarded by mutex_
};

}  // namespace bpa::gateway

#endif  // BPA_AGENT_GATEWAY_COMMAND_COUNTS_H_
