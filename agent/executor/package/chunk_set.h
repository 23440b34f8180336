// One bit for each data chunk of a manifest: what is known of a tree while it comes about.
#ifndef BPA_AGENT_EXECUTOR_PACKAGE_CHUNK_SET_H_
#define BPA_AGENT_EXECUTOR_PACKAGE_CHUNK_SET_H_

#include <atomic>
#include <cstdint>
#include <vector>

namespace bpa::executor {

// Two mebibytes for a terabyte of content. Safe to use from several threads.
class ChunkSet {
 public:
  explicit ChunkSet(uint64_t chunks) : words_((chunks + 63) / 64) {}

  void Add(uint64_t chunk) {
    words_[chunk / 64].fetch_or(uint64_t{1} << chunk % 64, std::memory_order_relaxed);
  }
  bool Has(uint64_t chunk) const {
    return (words_[chunk / 64].load(std::memory_order_relaxed) >> chunk % 64 & 1) != 0;
  }

 private:
  std::vector<std::atomic<uint64_t>> words_;
};

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_PACKAGE_CHUNK_SET_H_
