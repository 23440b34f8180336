// What a session writes to the gateway, from its one thread.
#ifndef BPA_AGENT_EXECUTOR_FRAME_SINK_H_
#define BPA_AGENT_EXECUTOR_FRAME_SINK_H_

#include <string_view>

#include "absl/status/status.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "proto/frame.h"

namespace bpa::executor {

// A failed write may have ended within a frame: nothing may follow it, and nothing does.
class FrameSink {
 public:
  // The connected `socket` stays the caller's.
  explicit FrameSink(int socket) : socket_(socket) {}

  absl::Status Write(FrameType type, std::string_view body, absl::Duration timeout) {
    if (status_.ok()) status_ = WriteFrame(socket_, type, body, absl::Now() + timeout);
    return status_;
  }
  // The first failure.
  const absl::Status& status() const { return status_; }

 private:
  const int socket_;
  absl::Status status_;
};

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_FRAME_SINK_H_
