// The bytes that were wanted, as one stream with the next want always under way.
#ifndef BPA_AGENT_EXECUTOR_PACKAGE_CONTENT_STREAM_H_
#define BPA_AGENT_EXECUTOR_PACKAGE_CONTENT_STREAM_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/executor/package/content_source.h"
#include "bpa/v1/content.pb.h"

namespace bpa::executor {

struct SizedWant {
  v1::Want want;
  uint64_t bytes = 0;  // what it asks for, at least 1
};
// The next thing to ask for; nothing when that was all.
using NextWant = std::function<absl::StatusOr<std::optional<SizedWant>>()>;

// For one thread.
class ContentStream {
 public:
  // `source` may be null: then the first byte that is needed is FailedPrecondition.
  ContentStream(ContentSource* source, NextWant next) : source_(source), next_(std::move(next)) {}

  // The next `count` bytes, valid until the next call. InvalidArgument when more came than was
  // wanted; else the source's failures.
  absl::StatusOr<std::string_view> Take(size_t count);
  // Bytes that came so far.
  uint64_t received() const { return received_; }
  // FailedPrecondition if bytes are left over: more was wanted than taken, or more came.
  absl::Status ExpectEnd() const;

 private:
  absl::Status Ask();
  absl::Status Read();

  ContentSource* const source_;
  const NextWant next_;
  bool asked_all_ = false;
  std::deque<uint64_t> outstanding_;  // bytes still to come, by want
  uint64_t received_ = 0;
  std::string piece_;
  size_t taken_ = 0;    // of the piece
  std::string joined_;  // what lies across pieces
};

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_PACKAGE_CONTENT_STREAM_H_
