// How many requests may be with the executor at once.
#ifndef BPA_AGENT_GATEWAY_RELAY_SLOTS_H_
#define BPA_AGENT_GATEWAY_RELAY_SLOTS_H_

#include <atomic>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace bpa::gateway {

// More are refused with RESOURCE_EXHAUSTED. The executor takes as many connections,
// and one more for NodeWatch.
inline constexpr int kMaxConcurrentRelays = 8;

// Safe to use from several threads.
class RelaySlots {
 public:
  // One of the slots, if `status` is OK, until it is destroyed.
  class Slot {
   public:
    explicit Slot(RelaySlots& slots) : slots_(slots), taken_(++slots.taken_) {}
    ~Slot() { --slots_.taken_; }
    Slot(const Slot&) = delete;
    Slot& operator=(const Slot&) = delete;

    absl::Status status() const {
      if (taken_ <= kMaxConcurrentRelays) return absl::OkStatus();
      return absl::ResourceExhaustedError(absl::StrCat("this node already works on ",
                                                       kMaxConcurrentRelays,
                                                       " requests: try again when one has ended"));
    }

   private:
    RelaySlots& slots_;
    const int taken_;
  };

 private:
  std::atomic<int> taken_ = 0;
};

}  // namespace bpa::gateway

#endif  // BPA_AGENT_GATEWAY_RELAY_SLOTS_H_
