// Whose turn it is: concurrency, batches and stopping, apart from any network.
#ifndef BPA_CONTROLLER_SCHEDULE_H_
#define BPA_CONTROLLER_SCHEDULE_H_

#include <cstddef>
#include <optional>

namespace bpa::controller {

// Hands out the nodes 0 .. n-1 in order. Single-threaded.
class Schedule {
 public:
  // `concurrency` >= 1 nodes at once; batches of `batch` (0: one batch of all), the next of which
  // begins when every node of the last has ended; nothing more begins once more than `max_failures`
  // nodes have failed (-1: never).
  Schedule(size_t nodes, int concurrency, int batch, int max_failures);

  // The next node to start now; nothing when it must wait for one under way, or none is left.
  std::optional<size_t> Next();
  // One of the nodes under way has ended.
  void Ended(bool failed);
  // Starts nothing more.
  void Stop() { stopped_ = true; }
  size_t under_way() const { return under_way_; }

 private:
  const size_t nodes_;
  const size_t concurrency_;
  const size_t batch_;
  const int max_failures_;

  size_t next_ = 0;
  size_t under_way_ = 0;
  int failures_ = 0;
  bool stopped_ = false;
};

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_SCHEDULE_H_
