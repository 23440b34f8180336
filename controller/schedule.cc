#include "controller/schedule.h"

#include <algorithm>

namespace bpa::controller {

Schedule::Schedule(size_t nodes, int concurrency, int batch, int max_failures)
    : nodes_(nodes),
      concurrency_(static_cast<size_t>(std::max(concurrency, 1))),
      batch_(batch > 0 ? static_cast<size_t>(batch) : std::max<size_t>(nodes, 1)),
      max_failures_(max_failures) {}

std::optional<size_t> Schedule::Next() {
  if (stopped_ || next_ == nodes_ || under_way_ == concurrency_) return std::nullopt;
  if (next_ % batch_ == 0 && under_way_ > 0) return std::nullopt;
  ++under_way_;
  return next_++;
}

void Schedule::Ended(bool failed) {
  --under_way_;
  if (failed) ++failures_;
  if (max_failures_ >= 0 && failures_ > max_failures_) stopped_ = true;
}

}  // namespace bpa::controller
