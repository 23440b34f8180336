// Content that comes over the gateway's connection, frame by frame.
#ifndef BPA_AGENT_EXECUTOR_PACKAGE_SOCKET_CONTENT_H_
#define BPA_AGENT_EXECUTOR_PACKAGE_SOCKET_CONTENT_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/executor/frame_sink.h"
#include "agent/executor/package/content_source.h"

namespace bpa::executor {

struct ContentLimits {
  // For one want to be taken.
  absl::Duration want = absl::Seconds(30);
  // For the next piece to come.
  absl::Duration silence = absl::Minutes(1);
};

// After a failure every call fails with it: what would follow could not be told apart.
class SocketContent : public ContentSource {
 public:
  // The connected `socket`, from which the request was read, stays the caller's. `sink` writes to
  // the same one; both must outlive this.
  SocketContent(int socket, FrameSink& sink, const ContentLimits& limits)
      : socket_(socket), sink_(sink), limits_(limits) {}

  // Besides what ContentSource says: InvalidArgument when the other side sends what it was not
  // asked for, or no content frame.
  absl::Status Want(const v1::Want& want) override;
  absl::StatusOr<std::string> Read() override;

 private:
  absl::StatusOr<std::string> ReadContent();
  absl::Status CheckNothingCame() const;

  const int socket_;
  FrameSink& sink_;
  const ContentLimits limits_;
  bool wanted_ = false;
  absl::Status ended_;
};

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_PACKAGE_SOCKET_CONTENT_H_
