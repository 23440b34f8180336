// What the process takes from its surroundings before it serves.
#ifndef BPA_AGENT_EXECUTOR_STARTUP_H_
#define BPA_AGENT_EXECUTOR_STARTUP_H_

#include <sys/types.h>

#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/executor/config.h"
#include "agent/executor/journal.h"
#include "agent/executor/node_identity.h"
#include "agent/executor/report.h"
#include "agent/executor/server.h"
#include "spdlog/logger.h"

namespace bpa::executor {

// The descriptors stay open as long as the process.
struct Sockets {
  int listener;   // handed over by socket activation
  int stop;       // becomes readable when SIGTERM or SIGINT arrives
  uid_t gateway;  // the only uid that may connect
};

// Blocks SIGTERM and SIGINT in this thread and those that it starts. FailedPrecondition, with how
// to start the executor, unless exactly one listening UNIX stream socket was handed over. NotFound
// if there is no such user as config.gateway_user.
absl::StatusOr<Sockets> TakeSockets(const Config& config);

// What the executor keeps on this node.
struct Belongings {
  std::unique_ptr<Journal> journal;
  ReportSigner signer;
};
absl::StatusOr<Belongings> OpenBelongings(const Config& config);

// Writes to the journal of `own`, which must outlive it; empty without one.
AuditWriter MakeAuditWriter(const absl::StatusOr<Belongings>& own);

// What would keep the executor from serving: the first of an unknown gateway user, a trust store
// that is unreadable, loose or empty, a report key that is missing or loose. Changes nothing.
absl::Status CheckSurroundings(const Config& config);

// To the system's journal, with fields, where the service manager connects standard error to it;
// else as lines to standard error.
std::shared_ptr<spdlog::logger> MakeLog(const Config& config);

// Whom to serve and for how long; beats twice as often as the service manager's watchdog asks.
// `own` is what OpenBelongings said: where it failed the executor leaves as soon as nobody is
// connected, so that the next command finds out anew.
ServerOptions MakeServerOptions(const Sockets& sockets, const Config& config,
                                const absl::Status& own);

// Answers whoever is connected with `reason`, why the configuration cannot be used, and returns it
// when nobody is any more: a command must not wait at the socket until the configuration is mended,
// to be carried out when its sender has long gone. Returns `reason` at once where the executor was
// not started by its socket.
absl::Status ServeRefusals(const absl::Status& reason);

// Runs the server, and tells the service manager, if there is one, when it begins and ends.
absl::Status RunServer(Server& server);

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_STARTUP_H_
