// Has the executor look at the node from time to time, and keeps what it saw last.
#ifndef BPA_AGENT_GATEWAY_NODE_WATCH_H_
#define BPA_AGENT_GATEWAY_NODE_WATCH_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <random>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "agent/gateway/relay.h"
#include "bpa/v1/status.pb.h"

namespace bpa::gateway {

struct WatchTimes {
  // From one look to the next; InfiniteDuration: never looks. Each is moved by up to a tenth, so
  // that nodes that were started together do not look in step.
  absl::Duration interval = absl::Minutes(5);
  // The first look is at most so long after the start.
  absl::Duration first = absl::Seconds(15);
  // How long after a command; several in that time are looked at once.
  absl::Duration after_command = absl::Seconds(2);
  // The executor's own limits are shorter.
  absl::Duration timeout = absl::Minutes(5);
};

// One thread, which sleeps in between.
class NodeWatch {
 public:
  struct Seen {
    // The last that was seen; null before, and when not looking.
    std::shared_ptr<const v1::NodeStatus> status;
    // Of the last look that was answered, be it by an error. OK before the first.
    absl::Status last;
    uint64_t succeeded = 0;
    uint64_t failed = 0;
  };

  // `relay` outlives this.
  NodeWatch(const Relay& relay, const WatchTimes& times);
  ~NodeWatch();
  NodeWatch(const NodeWatch&) = delete;
  NodeWatch& operator=(const NodeWatch&) = delete;

  // ResourceExhausted if there is no thread to be had. Does nothing when it is never to look.
  absl::Status Start();
  // From any thread: a command may have changed the node.
  void CommandLeft();
  Seen Last() const;

 private:
  void Run();
  // False when told to stop.
  bool AwaitTurn() ABSL_LOCKS_EXCLUDED(mutex_);
  void Look();
  double Between(double low, double high) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Relay& relay_;
  const WatchTimes times_;
  std::thread thread_;
  std::atomic<bool> stopping_ = false;

  mutable absl::Mutex mutex_;
  absl::CondVar changed_;
  absl::Time next_ ABSL_GUARDED_BY(mutex_) = absl::InfiniteFuture();
  Seen seen_ ABSL_GUARDED_BY(mutex_);
  std::minstd_rand random_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace bpa::gateway

#endif  // BPA_AGENT_GATEWAY_NODE_WATCH_H_
