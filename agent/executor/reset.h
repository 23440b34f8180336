// The emptying of a directory: what the paper's `rm -rf` is for, once per command.
#ifndef BPA_AGENT_EXECUTOR_RESET_H_
#define BPA_AGENT_EXECUTOR_RESET_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/executor/host.h"
#include "agent/executor/ledger.h"
#include "agent/executor/resource.h"

namespace bpa::executor {

// Aspects: "contents" ("12 entries, 3.4 GiB" to "empty") and "trash" (what an interrupted reset of
// another command left). The directory is renamed to a sibling in one step, made anew with its mode
// and owner, recorded in the ledger, and only then is the sibling deleted: from a crash anywhere
// between, the same command goes on, and what was written to the new directory since is not
// touched. Refused while a process holds something below open, and where a mount is at or below
// the path.
class ResetResource : public Resource {
 public:
  // `below_volume`: mount point of the wanted volume above the path, or empty. `host` and `ledger`
  // must outlive this.
  ResetResource(std::string path, std::string command_id, std::string below_volume, Host& host,
                Ledger& ledger);

  v1::ResourceKind kind() const override { return v1::RESOURCE_KIND_RESET; }
  std::string name() const override { return path_; }
  absl::StatusOr<std::vector<Difference>> Observe() override;
  absl::Status Converge() override;

 private:
  struct State;
  absl::StatusOr<State> Inspect();
  absl::Status InspectTrash(State& state);
  absl::Status InspectContents(State& state);
  absl::Status CheckUnused();
  absl::Status CheckNoMounts();
  absl::Status MakeAnew(const State& state);
  std::string OwnTrash() const;

  const std::string path_;
  const std::string command_id_;
  const std::string below_volume_;
  Host& host_;
  Ledger& ledger_;
};

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_RESET_H_
