// bpa-gateway: the agent's side that is on the network, without privilege.
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <string>

#include "agent/gateway/config.h"
#include "agent/gateway/process.h"
#include "agent/gateway/server.h"
#include "agent/gateway/tls.h"
#include "proto/journal_sink.h"

namespace bpa::gateway {
namespace {

absl::Status Run(const std::string& config_path, bool check_only) {
  if (absl::Status s = PrepareProcess(); !s.ok()) return s;
  const auto config = LoadConfig(config_path);
  if (!config.ok()) return config.status();
  if (check_only) return absl::OkStatus();
  if (absl::Status s = RequireTls13(); !s.ok()) return s;
  spdlog::set_default_logger(MakeLogger({.program = "bpa-gateway", .node = config->node}, "%l %v"));
  const auto stop = MakeStopDescriptor();
  if (!stop.ok()) return stop.status();
  const auto server = Server::Start(*config);
  if (!server.ok()) return server.status();
  spdlog::info("serving node={} cluster={} port={} version={}", config->node, config->cluster,
               (*server)->port(), BPA_VERSION);
  return RunUntilStopped(**server, *stop);
}

}  // namespace
}  // namespace bpa::gateway

int main(int argc, char** argv) {
  CLI::App app("Relays signed commands from the bastion to bpa-executor.", "bpa-gateway");
  std::string config = bpa::gateway::kDefaultConfigPath;
  bool check_only = false;
  app.add_option("--config", config, "agent.yaml")->capture_default_str();
  app.add_flag("--check-config", check_only, "Read the configuration, say what is wrong, leave");
  app.set_version_flag("--version", "bpa-gateway " BPA_VERSION);
  CLI11_PARSE(app, argc, argv);

  const absl::Status status = bpa::gateway::Run(config, check_only);
  if (!status.ok()) {
    std::cerr << "bpa-gateway: " << status.message() << '\n';
    return 1;
  }
  if (check_only) std::cout << config << ": ok\n";
  return 0;
}
