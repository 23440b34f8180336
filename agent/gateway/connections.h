// How many TCP connections may be open at once, and which one goes when there are too many.
//
// gRPC 1.51 has no limit of its own. Connections are accepted by us and handed to gRPC, which
// closes them without telling; what is still open is found out by the socket's cookie: a file
// descriptor that gRPC closed either is no socket any more or has another cookie.
#ifndef BPA_AGENT_GATEWAY_CONNECTIONS_H_
#define BPA_AGENT_GATEWAY_CONNECTIONS_H_

#include <cstddef>
#include <cstdint>
#include <list>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace bpa::gateway {

// Safe to use from several threads.
class Connections {
 public:
  // `max` >= 1.
  explicit Connections(size_t max) : max_(max) {}

  // Whether the newly accepted socket `fd` may be given to gRPC; the caller closes it otherwise. At
  // the limit the oldest connection that has not made an authorised request is shut down in its
  // favour, so that a flood of idle connections cannot keep a controller out. When all are
  // authorised, the new one is refused. `peer` is the other side as PeerUri has it.
  bool Admit(int fd, std::string peer);

  // The connection from `peer` made a request that was authorised: it is not shut down for others.
  void MarkAuthorized(std::string_view peer);

  // Connections open now, without those that are being shut down.
  size_t Count();

 private:
  struct Connection {
    int fd;
    uint64_t cookie;
    std::string peer;
    bool authorized = false;
    // Shut down; gRPC has yet to close it.
    bool evicted = false;
  };

  void ForgetClosed() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool EvictOldestStranger() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  size_t CountKept() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const size_t max_;
  absl::Mutex mutex_;
  // Oldest first.
  std::list<Connection> connections_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace bpa::gateway

#endif  // BPA_AGENT_GATEWAY_CONNECTIONS_H_
