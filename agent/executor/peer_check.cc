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

struct Account {
  uid_t uid;
  gid_t gid;
};

absl::StatusOr<Account> FindAccount(const std::string& user) {
  std::vector<char> buffer(kPasswdBufferBytes);
  passwd entry;
  passwd* found = nullptr;
  uint32_t uid = 0;
  const int error = absl::SimpleAtoi(user, &uid)
                        ? getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found)
                        : getpwnam_r(user.c_str(), &entry, buffer.data(), buffer.size(), &found);
  if (found != nullptr) return Account{.uid = found->pw_uid, .gid = found->pw_gid};
  if (error != 0 && error != ENOENT) return ErrnoStatus(error, "getpwnam_r", user);
  return absl::NotFoundError(absl::StrCat(
      "executor.gateway_user in agent.yaml: there is no user '", user,
      "' on this node: make it (systemd-sysusers does, from the package) or name another"));
}

}  // namespace

absl::StatusOr<uid_t> ResolveGatewayUser(const std::string& user) {
  if (uint32_t uid = 0; absl::SimpleAtoi(user, &uid)) return uid;
  const absl::StatusOr<Account> account = FindAccount(user);
  if (!account.ok()) return account.status();
  return account->uid;
}

absl::StatusOr<gid_t> ResolveGatewayGroup(const std::string& user) {
  const absl::StatusOr<Account> account = FindAccount(user);
  if (!account.ok()) return account.status();
  return account->gid;
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
