// bpa-executor: carries out signed commands as root, without network.
#include <cstdio>
#include <memory>
#include <string>

#include "absl/time/clock.h"
#include "agent/executor/executor.h"
#include "agent/executor/linux_host.h"
#include "agent/executor/node_identity.h"
#include "agent/executor/options.h"
#include "agent/executor/server.h"
#include "agent/executor/startup.h"

namespace bpa::executor {
namespace {

absl::Status Serve(const Config& config) {
  absl::StatusOr<Sockets> sockets = TakeSockets(config);
  if (!sockets.ok()) return sockets.status();
  const std::shared_ptr<spdlog::logger> log = MakeLog(config);
  absl::StatusOr<Belongings> own = OpenBelongings(config);
  std::unique_ptr<RequestHandler> handler;
  LinuxHost host;
  if (own.ok()) {
    handler = std::make_unique<Executor>(config, BindPlan(config.policy, host, *own->journal),
                                         *own->journal, own->signer, absl::Now);
  } else {
    log->error("{}", std::string(own.status().message()));
    handler = std::make_unique<RefusingHandler>(own.status());
  }
  NodeIdentity identity(config, absl::Now, MakeAuditWriter(own));
  Server server(sockets->listener, sockets->stop, {.commands = *handler, .identity = identity},
                MakeServerOptions(*sockets, config, own.status()), *log);
  return RunServer(server);
}

absl::Status Main(int argc, char** argv) {
  absl::StatusOr<Options> options = ParseOptions(argc, argv);
  if (!options.ok()) return options.status();
  if (options->action == Options::Action::kPrintUsage) return Print(kUsage);
  if (options->action == Options::Action::kPrintVersion) return Print(VersionLine());
  absl::StatusOr<Config> config = LoadConfig(options->config_path);
  if (options->action == Options::Action::kServe) {
    return config.ok() ? Serve(*config) : ServeRefusals(config.status());
  }
  if (!config.ok()) return config.status();
  absl::Status status = options->action == Options::Action::kMakeKeys ? MakeKeys(*config)
                                                                      : CheckSurroundings(*config);
  return status.ok() ? Print("ok\n") : status;
}

}  // namespace
}  // namespace bpa::executor

int main(int argc, char** argv) {
  const absl::Status status = bpa::executor::Main(argc, argv);
  if (!status.ok()) std::fprintf(stderr, "bpa-executor: %s\n", status.ToString().c_str());
  return status.ok() ? 0 : 1;
}
