#include "controller/version.h"

#include <openssl/crypto.h>

#include <CLI/App.hpp>
#include <nlohmann/json.hpp>
#include <ostream>
#include <string>

#include "grpcpp/grpcpp.h"

namespace bpa::controller {

std::string_view Version() { return BPA_VERSION; }

void RegisterVersion(CLI::App& app, const GlobalOptions& global, int* exit_code) {
  CLI::App* verb = app.add_subcommand("version", "Print bpactl's version and its libraries'");
  verb->callback([&global, exit_code] {
    const std::string openssl = OpenSSL_version(OPENSSL_VERSION_STRING);
    if (global.json()) {
      const nlohmann::ordered_json document = {
          {"version", Version()}, {"openssl", openssl}, {"grpc", grpc::Version()}};
      global.out << document.dump(2) << "\n";
    } else {
      global.out << "bpactl " << Version() << " (OpenSSL " << openssl << ", gRPC "
                 << grpc::Version() << ")\n";
    }
    *exit_code = kExitConverged;
  });
}

}  // namespace bpa::controller
