// A node with a filesystem of its own for packages, and the paths of one.
#ifndef BPA_TESTS_AGENT_EXECUTOR_PACKAGE_PACKAGE_MACHINE_H_
#define BPA_TESTS_AGENT_EXECUTOR_PACKAGE_PACKAGE_MACHINE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "agent/executor/linux_host.h"
#include "agent/executor/package/package_resource.h"
#include "tests/agent/executor/linux/machine.h"
#include "tests/agent/executor/package/package_source.h"

namespace bpa::executor {

// What a tree looks like: type, mode, owner, time, size, link and content of every entry.
std::string Look(const std::string& directory);

// Bytes that no two seeds share and no compression shortens.
std::string Noise(uint64_t seed, size_t bytes);

class PackageMachine {
 public:
  // "tmpfs", "xfs" (with reflinks), "ext4", or empty for the machine's own /tmp.
  explicit PackageMachine(const std::string& filesystem = "tmpfs", uint64_t bytes = 512 << 20);

  // Beside each other on the filesystem; the destination's parent exists.
  std::string destination() const { return base_ + "/bpa/packages"; }
  std::string store() const { return base_ + "/bpa/.bpa-packages/packages"; }
  // Off it. Changing the tree and calling Stage stages what it is then.
  std::string source() const { return scratch_ / "source"; }
  std::string In(const std::string& name) const { return source() + "/" + name; }
  std::string base() const { return base_; }

  // The manifest of the source as it is now.
  v1::Package Package(const std::string& label, uint64_t average = 8 * 1024);
  std::unique_ptr<PackageSource> Source() const;
  // As the converger does: observe, converge, observe.
  absl::Status Apply(const v1::Package& package, ContentSource* content);
  absl::Status Apply(const v1::Package& package, PackageRun run);
  absl::Status Stage(const std::string& label);
  absl::StatusOr<std::vector<Difference>> Observe(const v1::Package& package, bool verify = false);
  // For looking often: PackageRun::glance.
  absl::StatusOr<std::vector<Difference>> Glance(const v1::Package& package);

  LinuxHost host;

 private:
  Scratch scratch_;
  std::unique_ptr<LoopDisk> disk_;
  std::unique_ptr<TestMount> mount_;
  std::string base_;
};

}  // namespace bpa::executor

#endif  // BPA_TESTS_AGENT_EXECUTOR_PACKAGE_PACKAGE_MACHINE_H_
