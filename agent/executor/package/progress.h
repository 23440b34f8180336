// How far a package is, told a few times a second.
#ifndef BPA_AGENT_EXECUTOR_PACKAGE_PROGRESS_H_
#define BPA_AGENT_EXECUTOR_PACKAGE_PROGRESS_H_

#include <atomic>
#include <functional>

#include "absl/status/status.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "bpa/v1/report.pb.h"

namespace bpa::executor {

using PackageProgressSink = std::function<void(const v1::PackageProgress&)>;

// For one thread. `stopping` may be null; else it and the sink must outlive this.
class ProgressTeller {
 public:
  ProgressTeller(const PackageProgressSink& sink, const std::atomic<bool>* stopping)
      : sink_(sink), stopping_(stopping) {}

  v1::PackageProgress& now() { return progress_; }
  void Enter(v1::PackageProgress::Phase phase) {
    progress_.set_phase(phase);
    Tell(absl::Now());
  }
  // To be called often. Cancelled when the executor is to end.
  absl::Status Tick() {
    if (stopping_ != nullptr && *stopping_) {
      return absl::CancelledError("the executor on this node is being stopped");
    }
    if (const absl::Time now = absl::Now(); now - told_ >= kInterval) Tell(now);
    return absl::OkStatus();
  }

 private:
  static constexpr absl::Duration kInterval = absl::Milliseconds(200);

  void Tell(absl::Time now) {
    told_ = now;
    if (sink_) sink_(progress_);
  }

  const PackageProgressSink& sink_;
  const std::atomic<bool>* const stopping_;
  v1::PackageProgress progress_;
  absl::Time told_ = absl::InfinitePast();
};

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_PACKAGE_PROGRESS_H_
