#include "agent/executor/peer_check.h"

#include <pwd.h>
#include <sys/socket.h>

#include <cerrno>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "proto/trusted_file.h"

namespace bpa::executor {
namespace {

constexpr size_t kPasswdBufferBytes = 16 * 1024;

}  // namespace

absl::StatusOr<uid_t> ResolveGatewayUser(const std::string& user) {
  if (uint32_t uid = 0; absl::SimpleAtoi(user, &uid)) return uid;
  std::vector<char> buffer(kPasswdBufferBytes);
  passwd entry;
  passwd* found = nullptr;
  const int error = getpwnam_r(user.c_str(), &entry, buffer.data(), buffer.size(), &found);
  if (found != nullptr) return found->pw_uid;
  if (error != 0 && error != ENOENT) return ErrnoStatus(error, "getpwnam_r", user);
  return absl::NotFoundError(absl::StrCat(
      "executor.gateway_user in agent.yaml: there is no user '", user,
      "' on this node: make it (systemd-sysusers does, from the package) or name another"));
}

absl::Status CheckPeer(int socket, uid_t gateway) {
  ucred peer;
  socklen_t size = sizeof peer;
  if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
    return ErrnoStatus(errno, "getsockopt SO_PEERCRED", "executor socket");
  }
  if (peer.uid == gateway) return absl::OkStatus();
  return absl::PermissionDeniedError(
      absl::StrCat("uid ", peer.uid, " may not talk to the executor: only the gateway's uid ",
                   gateway, " may (executor.gateway_user in agent.yaml)"));
}

}  // namespace bpa::executor
