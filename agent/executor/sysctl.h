// A kernel parameter, now and at the next boot.
#ifndef BPA_AGENT_EXECUTOR_SYSCTL_H_
#define BPA_AGENT_EXECUTOR_SYSCTL_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/executor/host.h"
#include "agent/executor/resource.h"
#include "bpa/v1/command.pb.h"

namespace bpa::executor {

// The one file of ours. It sorts behind 99-sysctl.conf, which Debian and the Fedora family link to
// /etc/sysctl.conf.
inline constexpr char kOwnSysctlFile[] = "/etc/sysctl.d/99-zz-bpa.conf";

// Aspects: "live value" (what the kernel has) and "boot value" (what the files will set). Where the
// files already set a value that will do, none is written: a node image that ships a higher
// vm.max_map_count keeps it. Where a file that is read after ours sets one that will not do,
// Observe fails and names file and line.
class SysctlResource : public Resource {
 public:
  // `host` must outlive this. `wanted` has been checked: a plain name and a wish.
  SysctlResource(v1::Sysctl wanted, Host& host);

  v1::ResourceKind kind() const override { return v1::RESOURCE_KIND_SYSCTL; }
  std::string name() const override { return wanted_.name(); }
  absl::StatusOr<std::vector<Difference>> Observe() override;
  absl::Status Converge() override;

 private:
  struct State;
  absl::StatusOr<State> Inspect();
  absl::Status InspectBoot(State& state);
  bool Satisfies(const std::string& value) const;
  std::string WantedValue() const;
  std::string WantedText() const;

  const v1::Sysctl wanted_;
  Host& host_;
};

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_SYSCTL_H_
