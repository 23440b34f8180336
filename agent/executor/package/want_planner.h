// Turns what is missing of a tree into wants.
#ifndef BPA_AGENT_EXECUTOR_PACKAGE_WANT_PLANNER_H_
#define BPA_AGENT_EXECUTOR_PACKAGE_WANT_PLANNER_H_

#include <functional>
#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "agent/executor/package/content_stream.h"
#include "proto/manifest_reader.h"

namespace bpa::executor {

// Reads ahead in the manifest of whoever takes the bytes. For one thread.
class WantPlanner {
 public:
  // `wanted` tells of each data chunk, in order, whether it has to come.
  static absl::StatusOr<WantPlanner> Create(int manifest, const bpa::Sha256& digest,
                                            std::function<bool(uint64_t chunk)> wanted);
  absl::StatusOr<std::optional<SizedWant>> Next();

 private:
  WantPlanner(std::unique_ptr<ManifestReader> reader, const bpa::Sha256& digest,
              std::function<bool(uint64_t chunk)> wanted)
      : reader_(std::move(reader)), digest_(digest), wanted_(std::move(wanted)) {}

  // The next chunk that has to come.
  absl::StatusOr<std::optional<ManifestSegment>> NextChunk();

  std::unique_ptr<ManifestReader> reader_;
  bpa::Sha256 digest_;
  std::function<bool(uint64_t)> wanted_;
  std::optional<ManifestSegment> held_;  // did not fit into the want before
  bool ended_ = false;
};

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_PACKAGE_WANT_PLANNER_H_
