// cluster.yaml: whatever is written there is either refused at a place, or makes a command that can
// be built and is within the limits.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "controller/cluster.h"
#include "controller/command_builder.h"
#include "proto/limits.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto cluster = bpa::controller::ParseCluster(text, "cluster.yaml");
  if (!cluster.ok()) {
    const std::string message(cluster.status().message());
    if (!message.starts_with("cluster.yaml:")) abort();
    return 0;
  }
  if (cluster->nodes.empty() || cluster->nodes.size() > bpa::kMaxTargets ||
      cluster->roles.size() > bpa::kMaxRoles) {
    abort();
  }
  bpa::controller::CommandOptions options;
  options.operator_name = "fuzzer";
  const auto command = bpa::controller::BuildCommand(*cluster, cluster->nodes, options,
                                                     absl::FromUnixSeconds(1'800'000'000));
  if (!command.ok()) abort();
  return 0;
}
