#include "tests/agent/executor/prepared_node.h"

#include "absl/strings/str_cat.h"

namespace bpa::executor {
namespace {

class SilentListener : public ConvergeListener {
 public:
  explicit SilentListener(const Faults& faults) : faults_(faults) {}
  void OnProgress(const v1::Progress& /*progress*/) override {}
  absl::Status BeforeChanges(const std::vector<UpcomingChange>& /*changes*/) override {
    return absl::OkStatus();
  }
  void AfterChange(int /*position*/, const v1::ResourceResult& /*result*/) override {}
  // A crashed program does nothing more.
  bool Stopping() override { return faults_.crashed(); }

 private:
  const Faults& faults_;
};

}  // namespace

PreparedNode::PreparedNode() {
  host.AddFile("/etc/fstab", kForeignFstab);
  host.AddDirectory("/etc/sysctl.d");
  host.AddFile("/usr/lib/sysctl.d/50-default.conf", "kernel.sysrq = 16\n-net.ipv4.conf.*.x = 1\n");
  host.AddFile("/opt/cni/bin/loopback", "plugin", 0755);
  host.AddFile("/opt/cni/bin/bridge", "another plugin", 0755);
  host.AddDirectory("/opt/containerd", 0711);
  host.sysctls["vm.max_map_count"] = "65530";
  host.AddDisk("/dev/nvme0n1", "vol0aaaaaaaaaaaaaaaa", 20 * kGiB).trouble =
      absl::FailedPreconditionError("/dev/nvme0n1 has partitions");
  disk = &host.AddDisk("/dev/nvme1n1", kVolumeSerial, 4 * kGiB);

  policy.sysctls = {"vm.max_map_count"};
  policy.directory_roots = {"/opt/bpa"};
  policy.mount_points = {"/opt"};
  policy.filesystems = {"xfs", "ext4"};
  policy.volume_models = {"Amazon Elastic Block Store"};
  policy.allow_apply = policy.allow_format = policy.allow_migrate = true;
  policy.allow_grow = policy.allow_reset = true;

  role.set_name("node-1");
  target.set_node("node-1");
  target.set_role("node-1");
  context.command_id = "01935c5e-0000-7000-8000-000000000001";
  context.distinct_signers = 1;
}

void PreparedNode::WantWholeRole() {
  WantVolume();
  for (const char* name : {"zookeeper1", "zookeeper4", "zookeeper5", "kafka1"}) {
    WantDirectory(absl::StrCat("/opt/bpa/data/", name)).set_mode(0777);
  }
  v1::Sysctl& sysctl = *role.add_sysctls();
  sysctl.set_name("vm.max_map_count");
  sysctl.set_at_least(262144);
}

v1::Volume& PreparedNode::WantVolume() {
  v1::Volume& volume = *role.add_volumes();
  volume.set_mount_point("/opt");
  volume.set_filesystem(v1::FILESYSTEM_TYPE_XFS);
  volume.set_existing_content(v1::EXISTING_CONTENT_MIGRATE);
  volume.set_format_if_blank(true);
  volume.set_grow(true);
  v1::VolumeSource& source = *target.add_volumes();
  source.set_mount_point("/opt");
  source.set_ebs_volume_id(kVolumeId);
  return volume;
}

v1::Directory& PreparedNode::WantDirectory(const std::string& path) {
  v1::Directory& directory = *role.add_directories();
  directory.set_path(path);
  return directory;
}

void PreparedNode::WantReset(const std::string& path) {
  WantDirectory(path).set_reset(true);
  context.reset_directories = true;
}

absl::StatusOr<std::vector<v1::ResourceResult>> PreparedNode::Run(v1::Mode mode) {
  context.mode = mode;
  absl::StatusOr<std::vector<PlannedResource>> planned =
      PlanResources(role, target, context, policy, host, ledger);
  if (!planned.ok()) return planned.status();
  SilentListener listener(faults);
  return Converger(*planned, mode, listener).Run();
}

v1::ResourceResult PreparedNode::RunOne(v1::Mode mode) {
  absl::StatusOr<std::vector<v1::ResourceResult>> results = Run(mode);
  if (results.ok() && !results->empty()) return results->front();
  v1::ResourceResult result;
  result.set_status(v1::RESOURCE_STATUS_FAILED);
  result.set_message(results.status().ToString());
  return result;
}

absl::Status PreparedNode::Apply() {
  const absl::StatusOr<std::vector<v1::ResourceResult>> results = Run(v1::MODE_APPLY);
  if (!results.ok()) return results.status();
  for (const v1::ResourceResult& result : *results) {
    if (result.status() != v1::RESOURCE_STATUS_UNCHANGED &&
        result.status() != v1::RESOURCE_STATUS_CHANGED) {
      return absl::InternalError(absl::StrCat(result.name(), ": ", result.message()));
    }
  }
  return absl::OkStatus();
}

std::string DescribeChanges(const v1::ResourceResult& result) {
  std::string text;
  for (const v1::Change& change : result.changes()) {
    absl::StrAppend(&text, change.aspect(), ": ", change.before(), " -> ", change.after(), "\n");
  }
  return text;
}

}  // namespace bpa::executor
