// Work that may never return.
#ifndef BPA_AGENT_EXECUTOR_LINUX_DEADLINE_H_
#define BPA_AGENT_EXECUTOR_LINUX_DEADLINE_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace bpa::executor {

// Runs `work` on a thread of its own and waits for it at most `limit`; then DeadlineExceeded, and
// the thread is left behind: a read of a stuck device cannot be interrupted, not even by SIGKILL.
// So `work` must own all that it uses. It must change nothing. `shown` is what did not answer.
template <typename T>
absl::StatusOr<T> WithDeadline(absl::Duration limit, const std::string& shown,
                               std::function<absl::StatusOr<T>()> work) {
  struct Shared {
    absl::Mutex mutex;
    std::optional<absl::StatusOr<T>> result;
  };
  const auto shared = std::make_shared<Shared>();
  std::thread([shared, work = std::move(work)] {
    absl::StatusOr<T> result = work();
    const absl::MutexLock lock(&shared->mutex);
    shared->result = std::move(result);
  }).detach();
  const absl::MutexLock lock(&shared->mutex);
  const auto done = [&shared] { return shared->result.has_value(); };
  if (shared->mutex.AwaitWithTimeout(absl::Condition(&done), limit)) {
    return *std::move(shared->result);
  }
  return absl::DeadlineExceededError(
      absl::StrCat(shown, " did not answer within ", absl::FormatDuration(limit),
                   "; look at the volume's state in EC2 and at `dmesg`"));
}

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_LINUX_DEADLINE_H_
