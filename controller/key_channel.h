// Channels to nodes that are known by a key instead of by a valid certificate: before a node has
// one, and when the one that it has is expired.
#ifndef BPA_CONTROLLER_KEY_CHANNEL_H_
#define BPA_CONTROLLER_KEY_CHANNEL_H_

#include <grpcpp/channel.h>

#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "controller/cluster.h"
#include "controller/home.h"

namespace bpa::controller {

// The key that the other end of a channel has proved in its TLS handshake to have: DER
// SubjectPublicKeyInfo; empty before the first handshake. Safe to use from several threads.
class PeerKey {
 public:
  void Set(std::string der) {
    const absl::MutexLock lock(&mutex_);
    der_ = std::move(der);
  }
  std::string Get() const {
    const absl::MutexLock lock(&mutex_);
    return der_;
  }

 private:
  mutable absl::Mutex mutex_;
  std::string der_ ABSL_GUARDED_BY(mutex_);
};

struct KeyChannel {
  std::shared_ptr<grpc::Channel> channel;
  std::shared_ptr<const PeerKey> peer;
};

// A connection of its own, as Dialer::Dial's but for who is accepted: whoever has the key
// `expected` (DER), or anybody at all when that is empty, and then the caller compares `peer` with
// a key that it has reason to trust. All handshakes of one channel are with one key.
KeyChannel DialKey(const ClientIdentity& identity, const Node& node, const std::string& expected,
                   absl::Duration connect_timeout);

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_KEY_CHANNEL_H_
