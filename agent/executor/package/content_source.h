// Where a package's bytes come from while a command is carried out.
#ifndef BPA_AGENT_EXECUTOR_PACKAGE_CONTENT_SOURCE_H_
#define BPA_AGENT_EXECUTOR_PACKAGE_CONTENT_SOURCE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bpa/v1/content.pb.h"

namespace bpa::executor {

// The controller, as seen through the gateway: neither is trusted, and what Read returns is only as
// good as the digests that it is compared with. For one thread.
class ContentSource {
 public:
  virtual ~ContentSource() = default;

  // Asks for more. At most two wants may be waiting for their bytes: the next is sent before the
  // first has come in full, so that the line never idles. Unavailable when the controller is gone.
  virtual absl::Status Want(const v1::Want& want) = 0;

  // The next bytes of what was wanted, in the order of the wants; 1 to 256 KiB of them. Waits for
  // them. Aborted, with the controller's reason, when it cannot send them; Unavailable when the
  // connection ended; DeadlineExceeded when nothing came for a minute.
  virtual absl::StatusOr<std::string> Read() = 0;
};

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_PACKAGE_CONTENT_SOURCE_H_
