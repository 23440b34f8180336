// A package: a directory tree that is published as a whole.
#ifndef BPA_AGENT_EXECUTOR_PACKAGE_PACKAGE_RESOURCE_H_
#define BPA_AGENT_EXECUTOR_PACKAGE_PACKAGE_RESOURCE_H_

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/executor/covering_mount.h"
#include "agent/executor/host.h"
#include "agent/executor/package/content_source.h"
#include "agent/executor/package/progress.h"
#include "agent/executor/package/publish.h"
#include "agent/executor/package/site.h"
#include "agent/executor/package/tree_check.h"
#include "agent/executor/resource.h"
#include "bpa/v1/command.pb.h"

namespace bpa::executor {

// How one command goes about its packages.
struct PackageRun {
  // Mount point of the wanted volume above the destination, or empty.
  std::string below_volume;
  // VERIFY: every byte is read again and each file that differs is named. Otherwise only what has
  // been touched since it was published.
  bool verify = false;
  // Not even that: only whether the tree at the destination is the one that was published there,
  // wholly. Files changed, added or removed within it are not seen: `bpactl verify` sees them.
  bool glance = false;
  // Null when the command came without content.
  ContentSource* content = nullptr;
  // Set when the executor is to end; may be null.
  const std::atomic<bool>* stopping = nullptr;
  // For tests.
  StepHook step = [](std::string_view) {};
};

// Aspects: "packages" (what is published as a whole), "file" (VERIFY: one for each path). Works on
// the machine itself and not through host.h: what it does is reading and writing trees of any size
// through descriptors, which no machine in memory can stand in for. Of `host` it takes accounts,
// mounts and fstab.
class PackageResource : public Resource {
 public:
  // `host` and what `run` points to must outlive this.
  PackageResource(v1::Package wanted, PackageRun run, Host& host);

  v1::ResourceKind kind() const override { return v1::RESOURCE_KIND_PACKAGE; }
  std::string name() const override { return wanted_.destination(); }
  absl::StatusOr<std::vector<Difference>> Observe() override;
  // Cancelled when the executor is to end; Unavailable when the connection ended. Either way what
  // has come is kept.
  absl::Status Converge() override;
  void ReportTo(const PackageProgressSink& sink) override { sink_ = sink; }

  // "8.1 (0123456789ab)".
  std::string Wanted() const;

 private:
  struct Owner {
    uint32_t uid = 0;
    uint32_t gid = 0;
  };
  absl::StatusOr<Owner> ResolveOwner() const;
  absl::Status CheckMounts() const;
  // NotFound when the destination's parent does not exist.
  absl::StatusOr<Site> OpenCheckedSite() const;
  absl::StatusOr<std::vector<Difference>> ObserveAt(const Site& site, const Owner& owner);
  absl::StatusOr<std::vector<Difference>> ObserveTree(const Site& site, const Owner& owner,
                                                      const KnownTree& known);
  std::vector<Difference> Replaced(std::string before) const;
  absl::Status CheckRollback(const Site& site) const;
  absl::Status ConvergeAt(const Site& site, const Owner& owner, ProgressTeller& progress);

  const v1::Package wanted_;
  const PackageRun run_;
  Host& host_;
  PackageProgressSink sink_;
};

}  // namespace bpa::executor

#endif  // BPA_AGENT_EXECUTOR_PACKAGE_PACKAGE_RESOURCE_H_
