// How fast content may leave the bastion.
#ifndef BPA_CONTROLLER_RATE_LIMIT_H_
#define BPA_CONTROLLER_RATE_LIMIT_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "absl/time/time.h"

namespace bpa::controller {

// A token bucket for all nodes together. Goes into debt for one piece, so that a piece need not fit
// into it. Single-threaded.
class RateLimit {
 public:
  // `bytes_per_second` 0: no limit.
  RateLimit(uint64_t bytes_per_second, absl::Time now)
      : rate_(static_cast<double>(bytes_per_second)), filled_at_(now) {}

  // Whether something may be sent now.
  bool Allows(absl::Time now) {
    if (rate_ == 0) return true;
    const double most = rate_ * kBurstSeconds;
    tokens_ = std::min(most, tokens_ + rate_ * absl::ToDoubleSeconds(now - filled_at_));
    filled_at_ = now;
    return tokens_ >= 0;
  }
  void Take(size_t bytes) {
    if (rate_ > 0) tokens_ -= static_cast<double>(bytes);
  }

  // Pieces so small that a node hears something several times a second, also when many share a low
  // rate: silence would be taken for a lost connection.
  size_t PieceBytes(size_t at_most) const {
    constexpr double kLeast = 4096;
    if (rate_ == 0) return at_most;
    return std::min(at_most, static_cast<size_t>(std::max(kLeast, rate_ / 16)));
  }

 private:
  static constexpr double kBurstSeconds = 0.1;

  const double rate_;
  absl::Time filled_at_;
  double tokens_ = 0;
};

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_RATE_LIMIT_H_
