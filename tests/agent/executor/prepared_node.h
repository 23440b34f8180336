// A worker node in memory as EKS starts it, the paper's role for it, and the executor's way with
// both: what the tests of the resources share.
#ifndef BPA_TESTS_AGENT_EXECUTOR_PREPARED_NODE_H_
#define BPA_TESTS_AGENT_EXECUTOR_PREPARED_NODE_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/executor/converger.h"
#include "agent/executor/desired_state.h"
#include "agent/executor/policy.h"
#include "bpa/v1/command.pb.h"
#include "bpa/v1/report.pb.h"
#include "tests/fakes/fake_host.h"
#include "tests/fakes/fake_ledger.h"
#include "tests/fakes/faults.h"

namespace bpa::executor {

inline constexpr uint64_t kGiB = 1024ULL * 1024 * 1024;
inline constexpr char kVolumeId[] = "vol-0fab1d5e3f72a5e23";
inline constexpr char kVolumeSerial[] = "vol0fab1d5e3f72a5e23";
inline constexpr char kUuid[] = "6ba7b810-9dad-41d1-80b4-00c04fd430c8";
// With a comment, tabs, a line of four fields, and no newline at its end.
inline constexpr char kForeignFstab[] =
    "# /etc/fstab: static file systems\n"
    "UUID=2f9c-11\t/ xfs\tdefaults,noatime 1 1\n"
    "\n"
    "UUID=77AA-0F01 /boot/efi vfat defaults,uid=0";

struct PreparedNode {
  PreparedNode();

  // The role "node-1": an xfs volume on /opt, a data directory of the paper, vm.max_map_count.
  void WantWholeRole();
  v1::Volume& WantVolume();
  v1::Directory& WantDirectory(const std::string& path);
  void WantReset(const std::string& path);

  // One run of the executor: plans and drives all resources. The status is PlanResources' own.
  absl::StatusOr<std::vector<v1::ResourceResult>> Run(v1::Mode mode);
  // The result of the only resource of a role; a failure to plan appears as a failed result.
  v1::ResourceResult RunOne(v1::Mode mode);
  // APPLY; OK if every resource is unchanged or changed, else the first failure.
  absl::Status Apply();

  Faults faults;
  FakeHost host{faults};
  FakeLedger ledger{faults};
  Policy policy;
  v1::Role role;
  v1::Target target;
  CommandContext context;
  FakeDisk* disk = nullptr;  // the EBS volume, blank
};

// "live value: 65530 -> 262144", one line for each change.
std::string DescribeChanges(const v1::ResourceResult& result);

}  // namespace bpa::executor

#endif  // BPA_TESTS_AGENT_EXECUTOR_PREPARED_NODE_H_
