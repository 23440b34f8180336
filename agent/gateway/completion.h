// Waiting in one thread for what another takes off a gRPC completion queue.
#ifndef BPA_AGENT_GATEWAY_COMPLETION_H_
#define BPA_AGENT_GATEWAY_COMPLETION_H_

#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace bpa::gateway {

// One operation at a time, whose tag this is; used again once Wait has returned.
class Completion {
 public:
  // By the queue's thread: the operation ended, `ok` as the queue says.
  void Happened(bool ok) {
    const absl::MutexLock lock(&mutex_);
    ok_ = ok;
    happened_ = true;
  }
  // Whether the operation, once it has ended, succeeded.
  bool Wait() {
    const absl::MutexLock lock(&mutex_, absl::Condition(&happened_));
    happened_ = false;
    return ok_;
  }
  // Whether it ends before `deadline`. Leaves the result to Wait.
  bool EndsBefore(absl::Time deadline) {
    const absl::MutexLock lock(&mutex_);
    return mutex_.AwaitWithDeadline(absl::Condition(&happened_), deadline);
  }

 private:
  absl::Mutex mutex_;
  bool happened_ = false;
  bool ok_ = false;
};

}  // namespace bpa::gateway

#endif  // BPA_AGENT_GATEWAY_COMPLETION_H_
