// Work that may never return.
#ifndef BPA_AGENT_EXECUTOR_LINUX_DEADLINE_H_
#define BPA_AGENT_EXECUTOR_LINUX_DEADLINE_H_

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

namespace bpa::executor {

// Runs `work` on a thread of its own and waits for it at most `limit`; then DeadlineExceeded, and
// the thread is left behind: a read of a stuck device cannot be interrupted, not even by SIGKILL.
// So `work` must own all that it uses. It must change nothing. `shown` is what did not answer.
template <typename T>
absl::StatusOr<T> WithDeadline(absl::Duration limit, const std::string& shown,
                               std::function<absl::StatusOr<T>()> work) {
  // Not absl::Mutex: ThreadSanitizer cannot see through Debian's Abseil.
  struct Shared {
    std::mutex mutex;
    std::condition_variable changed;
    std::optional<absl::StatusOr<T>> result;
  };
  const auto shared = std::make_shared<Shared>();
  std::thread([shared, work = std::move(work)] {
    absl::StatusOr<T> result = work();
    const std::lock_guard lock(shared->mutex);
    shared->result = std::move(result);
    shared->changed.notify_one();
  }).detach();
  std::unique_lock lock(shared->mutex);
  const auto done = [&shared] { return shared->result.has_value(); };
  if (shared->changed.wait_for(lock, absl::ToChronoNanoseconds(limit), done)) {
    return *std::move(shared->result);
  }
  return absl::DeadlineExceededError(
      absl::StrCat(shown, " did not answer within ", absl::FormatDuration(limit),
                   "; look at the volume's state in EC2 and at `dmesg`"));
}

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_LINUX_DEADLINE_H_
