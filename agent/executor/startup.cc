#include "agent/executor/startup.h"

#include <sys/signalfd.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/executor/peer_check.h"
#include "agent/executor/report.h"
#include "proto/journal_sink.h"
#include "proto/trusted_file.h"
#include "proto/verifier.h"

namespace bpa::executor {
namespace {

absl::StatusOr<int> TakeListeningSocket() {
  constexpr char kHowTo[] =
      "start it by bpa-executor.socket (systemctl start bpa-executor.socket; or "
      "systemd-socket-activate --listen=PATH bpa-executor ...)";
  const int count = sd_listen_fds(/*unset_environment=*/1);
  if (count != 1) {
    return absl::FailedPreconditionError(
        absl::StrCat("the executor needs exactly one listening socket from its service manager and "
                     "got ",
                     count < 0 ? 0 : count, ": ", kHowTo));
  }
  if (sd_is_socket_unix(SD_LISTEN_FDS_START, SOCK_STREAM, /*listening=*/1, nullptr, 0) <= 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("the socket handed over is not a listening UNIX stream socket: ", kHowTo));
  }
  return SD_LISTEN_FDS_START;
}

absl::StatusOr<int> MakeStopDescriptor() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  if (const int error = pthread_sigmask(SIG_BLOCK, &signals, nullptr); error != 0) {
    return ErrnoStatus(error, "pthread_sigmask", "SIGTERM");
  }
  const int fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
  if (fd < 0) return ErrnoStatus(errno, "signalfd", "SIGTERM");
  return fd;
}

}  // namespace

absl::StatusOr<Sockets> TakeSockets(const Config& config) {
  absl::StatusOr<int> stop = MakeStopDescriptor();
  if (!stop.ok()) return stop.status();
  absl::StatusOr<int> listener = TakeListeningSocket();
  if (!listener.ok()) return listener.status();
  absl::StatusOr<uid_t> gateway = ResolveGatewayUser(config.gateway_user);
  if (!gateway.ok()) return gateway.status();
  return Sockets{.listener = *listener, .stop = *stop, .gateway = *gateway};
}

absl::StatusOr<Belongings> OpenBelongings(const Config& config) {
  absl::StatusOr<PrivateKey> key = LoadReportKey(config.report_key);
  if (!key.ok()) return key.status();
  absl::StatusOr<std::unique_ptr<Journal>> journal =
      Journal::Open(config.state, {.cluster = config.cluster, .node = config.node});
  if (!journal.ok()) return journal.status();
  return Belongings{.journal = *std::move(journal),
                    .signer = ReportSigner(*std::move(key), config.cluster, config.node)};
}

AuditWriter MakeAuditWriter(const absl::StatusOr<Belongings>& own) {
  if (!own.ok()) return nullptr;
  return [&own](const v1::AuditRecord& record) { return own->journal->Audit(record); };
}

absl::Status CheckSurroundings(const Config& config) {
  if (absl::StatusOr<uid_t> uid = ResolveGatewayUser(config.gateway_user); !uid.ok()) {
    return uid.status();
  }
  absl::StatusOr<Verifier> verifier = Verifier::FromDirectory(config.trusted_signers);
  if (!verifier.ok()) return verifier.status();
  if (verifier->empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat(config.trusted_signers,
                     " holds no key, so every command is refused: put the public key of each "
                     "signer there as <name>.pem"));
  }
  return LoadReportKey(config.report_key).status();
}

std::shared_ptr<spdlog::logger> MakeLog(const Config& config) {
  return MakeLogger({.program = "bpa-executor", .node = config.node},
                    "%Y-%m-%dT%H:%M:%S.%eZ %l %v");
}

ServerOptions MakeServerOptions(const Sockets& sockets, const Config& config,
                                const absl::Status& own) {
  ServerOptions options = {.gateway = sockets.gateway,
                           .idle_timeout = own.ok() ? config.idle_timeout : absl::ZeroDuration()};
  uint64_t micros = 0;
  if (sd_watchdog_enabled(/*unset_environment=*/1, &micros) > 0) {
    options.beat_interval = absl::Microseconds(static_cast<int64_t>(micros / 2));
    options.beat = [] { sd_notify(0, "WATCHDOG=1"); };
  }
  return options;
}

absl::Status ServeRefusals(const absl::Status& reason) {
  // Whom the gateway runs as is in the file that cannot be used: what packages set up is assumed.
  const Config defaults;
  const absl::StatusOr<Sockets> sockets = TakeSockets(defaults);
  if (!sockets.ok()) return reason;
  const std::shared_ptr<spdlog::logger> log = MakeLog(defaults);
  RefusingHandler commands(reason);
  RefusingIdentity identity(reason);
  Server server(sockets->listener, sockets->stop, {.commands = commands, .identity = identity},
                MakeServerOptions(*sockets, defaults, reason), *log);
  const absl::Status served = RunServer(server);
  return served.ok() ? reason : served;
}

absl::Status RunServer(Server& server) {
  sd_notify(0, "READY=1");
  absl::Status status = server.Run();
  sd_notify(0, "STOPPING=1");
  return status;
}

}  // namespace bpa::executor
