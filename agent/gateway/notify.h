// sd_notify(3)'s protocol: what the service manager is told.
//
// libsystemd would do it, and bring seven shared libraries (compressors, libgcrypt) into a process
// that faces the network: 1 MiB of its memory, for one datagram. The protocol is stable and
// documented for programs that do without the library.
#ifndef BPA_AGENT_GATEWAY_NOTIFY_H_
#define BPA_AGENT_GATEWAY_NOTIFY_H_

#include <string_view>

#include "absl/time/time.h"

namespace bpa::gateway {

// Sends `state`, such as "READY=1\nSTATUS=Serving", to $NOTIFY_SOCKET. Does nothing where there is
// no service manager, or it does not listen: nothing of ours depends on it.
void Notify(std::string_view state);

// How often the service manager wants to hear WATCHDOG=1 at the latest ($WATCHDOG_USEC, if
// $WATCHDOG_PID is this process or unset); InfiniteDuration when it does not.
absl::Duration WatchdogTimeout();

}  // namespace bpa::gateway

#endif  // BPA_AGENT_GATEWAY_NOTIFY_H_
