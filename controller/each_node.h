// The same short conversation with many nodes at once.
#ifndef BPA_CONTROLLER_EACH_NODE_H_
#define BPA_CONTROLLER_EACH_NODE_H_

#include <algorithm>
#include <atomic>
#include <functional>
#include <thread>
#include <vector>

#include "controller/cluster.h"

namespace bpa::controller {

inline constexpr size_t kNodesAtOnce = 16;

// `talk`'s results, in the nodes' order. `talk` is called in several threads, once per node.
template <typename Result>
std::vector<Result> ForEachNode(const std::vector<Node>& nodes,
                                const std::function<Result(const Node&)>& talk) {
  std::vector<Result> results(nodes.size());
  std::atomic<size_t> next = 0;
  const auto work = [&] {
    for (size_t i = next++; i < nodes.size(); i = next++) results[i] = talk(nodes[i]);
  };
  std::vector<std::thread> threads;
  const size_t count = std::min(nodes.size(), kNodesAtOnce);
  threads.reserve(count);
  for (size_t i = 0; i < count; ++i) threads.emplace_back(work);
  for (std::thread& thread : threads) thread.join();
  return results;
}

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_EACH_NODE_H_
