// A directory with its mode and owner.
#ifndef BPA_AGENT_EXECUTOR_DIRECTORY_H_
#define BPA_AGENT_EXECUTOR_DIRECTORY_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/executor/covering_mount.h"
#include "agent/executor/host.h"
#include "agent/executor/resource.h"
#include "bpa/v1/command.pb.h"

namespace bpa::executor {

// Aspects: "directory" (absent), "mode", "owner", "group". Missing parents from the policy root
// down, and the root itself, are made root's with mode 0755; what exists is not changed but for the
// directory itself. Ids are shown as numbers: a uid need not have a name. A link or a file in the
// way is FailedPrecondition.
class DirectoryResource : public Resource {
 public:
  // `root`: the policy root above the path; its parent must exist. `below_volume`: mount point of
  // the wanted volume above the path, or empty; everything is made on that filesystem or not at
  // all. `host` must outlive this.
  DirectoryResource(v1::Directory wanted, std::string root, std::string below_volume, Host& host);

  v1::ResourceKind kind() const override { return v1::RESOURCE_KIND_DIRECTORY; }
  std::string name() const override { return wanted_.path(); }
  absl::StatusOr<std::vector<Difference>> Observe() override;
  absl::Status Converge() override;
  absl::Status Settle() override;

  // "directory with mode 0777, owner elastic".
  std::string Wanted() const;

 private:
  struct State;
  absl::StatusOr<State> Inspect();
  absl::Status InspectExisting(State& state);
  absl::Status InspectParents(State& state);
  absl::Status ResolveOwners(State& state);
  void Compare(State& state) const;
  absl::Status Make(const State& state);
  uint32_t NewMode() const { return wanted_.has_mode() ? wanted_.mode() : 0755; }

  const v1::Directory wanted_;
  const std::string root_;
  const std::string below_volume_;
  Host& host_;
};

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_DIRECTORY_H_
