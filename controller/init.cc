#include "controller/init.h"

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "controller/agent_bundle.h"
#include "controller/home.h"
#include "controller/home_maker.h"
#include "controller/shipped_files.h"
#include "proto/trusted_file.h"
#include "proto/yaml/strict_yaml.h"

namespace bpa::controller {
namespace {

struct InitArguments {
  std::string cluster;
  std::vector<std::string> nodes;
  std::string signer_type = "ed25519";
  std::string policy_file;
  bool bundles = false;
};

absl::StatusOr<HomeOptions> ToHomeOptions(const InitArguments& arguments) {
  HomeOptions options;
  options.cluster = arguments.cluster;
  options.signer_type =
      arguments.signer_type == "ed25519" ? SignerType::kEd25519 : SignerType::kEcdsaP256;
  for (const std::string& argument : arguments.nodes) {
    absl::StatusOr<NodeArgument> node =
        ParseNodeArgument(argument, static_cast<int>(options.nodes.size()) + 1);
    if (!node.ok()) return node.status();
    options.nodes.push_back(*std::move(node));
  }
  options.bundles = arguments.bundles;
  options.policy = std::string(ShippedPolicy());
  if (!arguments.policy_file.empty()) {
    absl::StatusOr<std::string> policy =
        ReadTrustedFile(arguments.policy_file, yaml::kMaxDocumentBytes, FileSecrecy::kPublic);
    if (!policy.ok()) return policy.status();
    absl::Status status = CheckPolicySection(*policy, arguments.policy_file);
    if (!status.ok()) return status;
    options.policy = *std::move(policy);
  }
  return options;
}

void PrintNextSteps(const GlobalOptions& global, const Home& home, const HomeResult& result,
                    bool bundles) {
  if (!result.cluster_complete.ok()) {
    global.out << "\nNext:\n"
               << "  1. Complete " << home.cluster_path() << ":\n     "
               << result.cluster_complete.message() << "\n"
               << "  2. Run `bpactl init` again.\n";
    return;
  }
  global.out << "\nNext:\n";
  if (bundles) {
    global.out << "  1. Bring each " << home.path() << "/nodes/NODE/agent to its node as "
               << "/etc/bpa-agent, owned by root,\n     tls/node.key owned by bpa-agent.\n"
               << "  2. bpactl nodes    do they answer?\n";
  } else {
    global.out << "  1. bpactl user-data NODE    give it to the instance, or to its launch "
               << "template\n"
               << "  2. bpactl enroll            once the instances are up\n";
  }
  global.out << "  3. bpactl plan     what would change?\n"
             << "Keep ca.key and signer.key: they are the cluster's trust, and exist only here.\n";
}

int RunInit(const GlobalOptions& global, const InitArguments& arguments) {
  const absl::StatusOr<HomeOptions> options = ToHomeOptions(arguments);
  if (!options.ok()) return ReportError(global, options.status());
  const Home home = Home::Locate(global.home);
  std::vector<std::string> made;
  const absl::StatusOr<HomeResult> result =
      MakeHome(home, *options, absl::Now(), [&](const std::string& path) {
        made.push_back(path);
        if (!global.json()) global.out << "made " << path << "\n";
      });
  if (!result.ok()) return ReportError(global, result.status());
  if (global.json()) {
    nlohmann::ordered_json document = {
        {"home", home.path()}, {"made", made}, {"nodes", result->nodes}};
    if (!result->cluster_complete.ok()) {
      document["to_complete"] = std::string(result->cluster_complete.message());
    }
    global.out << document.dump(2) << "\n";
  } else {
    if (made.empty() && result->cluster_complete.ok()) {
      global.out << home.path() << " has all it needs; nothing was made.\n";
    } else {
      PrintNextSteps(global, home, *result, options->bundles);
    }
  }
  return kExitConverged;
}

}  // namespace

void RegisterInit(CLI::App& app, const GlobalOptions& global, int* exit_code) {
  CLI::App* verb = app.add_subcommand(
      "init",
      "Make the controller's home: CA, keys and cluster.yaml.\n"
      "Running it again makes only what is missing, and renews bpactl's own certificate in time.");
  auto arguments = std::make_shared<InitArguments>();
  verb->add_option("--cluster", arguments->cluster, "The cluster's name; needed the first time")
      ->type_name("NAME");
  verb->add_option("NODE", arguments->nodes,
                   "NODE=ADDRESS[,role=ROLE][,volume=VOLUME-ID-OR-DEVICE], for the first "
                   "cluster.yaml")
      ->type_name("");
  verb->add_option("--signer-type", arguments->signer_type,
                   "The signing key's type: ed25519 or ecdsa-p256")
      ->check(CLI::IsMember({"ed25519", "ecdsa-p256"}).description(""))
      ->type_name("TYPE");
  CLI::Option* bundles =
      verb->add_flag("--bundles", arguments->bundles,
                     "Also make the nodes' keys, certificates and configuration here, to be copied "
                     "by hand instead of `bpactl user-data` and `enroll`");
  verb->add_option("--policy", arguments->policy_file,
                   "A `policy` section for the bundles' agent.yaml, instead of the shipped one")
      ->type_name("FILE")
      ->needs(bundles);
  verb->callback([&global, exit_code, arguments] { *exit_code = RunInit(global, *arguments); });
}

}  // namespace bpa::controller
