// What passes between gateway and executor, counted for monitoring.
#ifndef BPA_AGENT_GATEWAY_TRAFFIC_H_
#define BPA_AGENT_GATEWAY_TRAFFIC_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>

#include "absl/time/time.h"

namespace bpa::gateway {

// Counts from the process's start. Safe to use from several threads. How commands ended is counted
// in CommandCounts.
class Traffic {
 public:
  // Called after each command's conversation with the executor, by its thread. Set once, before
  // there are any.
  void OnCommandLeft(std::function<void()> listener) { listener_ = std::move(listener); }

  // --- By the relay.
  // An attempt to connect to the executor.
  void Reached(bool reached) { reached_ = reached; }
  void CountContent(size_t bytes) { staged_bytes_ += bytes; }
  void StagingBegan() { ++stagings_; }
  void StagingEnded(absl::Duration took) {
    --stagings_;
    staging_nanos_ += absl::ToInt64Nanoseconds(took);
  }
  void CommandLeft() const {
    if (listener_) listener_();
  }

  // --- For whoever tells.
  // Whether the last attempt reached it; true before the first.
  bool reached() const { return reached_; }
  uint64_t staged_bytes() const { return staged_bytes_; }
  absl::Duration staging_time() const { return absl::Nanoseconds(staging_nanos_.load()); }
  // Under way now.
  int stagings() const { return stagings_; }

 private:
  std::function<void()> listener_;
  std::atomic<bool> reached_ = true;
  std::atomic<uint64_t> staged_bytes_ = 0;
  std::atomic<int64_t> staging_nanos_ = 0;
  std::atomic<int> stagings_ = 0;
};

}  // namespace bpa::gateway

#endif  // BPA_AGENT_GATEWAY_TRAFFIC_H_
