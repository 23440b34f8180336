// Who is at the other end of a connection.
#ifndef BPA_AGENT_EXECUTOR_PEER_CHECK_H_
#define BPA_AGENT_EXECUTOR_PEER_CHECK_H_

#include <sys/types.h>

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace bpa::executor {

// `user`: a name in the user database, or a decimal uid. NotFound names it and the key of
// agent.yaml that it comes from.
absl::StatusOr<uid_t> ResolveGatewayUser(const std::string& user);

// The group by which that user may read what is root's: its primary one.
absl::StatusOr<gid_t> ResolveGatewayGroup(const std::string& user);

// OK if the process that connected `socket` ran as `gateway`, as the kernel saw it then
// (SO_PEERCRED). PermissionDenied names both uids. Root is not excepted: only what agent.yaml
// names may connect.
absl::Status CheckPeer(int socket, uid_t gateway);

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_PEER_CHECK_H_
