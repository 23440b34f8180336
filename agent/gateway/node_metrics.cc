#include "agent/gateway/node_metrics.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace bpa::gateway {
namespace {

constexpr double kMicrosPerSecond = 1e6;
constexpr double kMillisPerSecond = 1e3;

// The words that bpactl and the executor's reports use.
std::string_view KindLabel(v1::ResourceKind kind) {
  constexpr std::array<std::string_view, 6> kNames = {"unknown",   "volume", "reset",
                                                      "directory", "sysctl", "package"};
  const auto index = static_cast<size_t>(kind);
  return kNames[index < kNames.size() ? index : 0];
}

int CountDrift(const v1::NodeStatus& status, v1::Drift drift) {
  return static_cast<int>(
      std::count_if(status.resources().begin(), status.resources().end(),
                    [drift](const v1::ResourceState& state) { return state.drift() == drift; }));
}

void AddResources(const v1::NodeStatus& status, Exposition& page) {
  const int shown = std::min(status.resources_size(), kMaxResourceSeries);
  Exposition::Family desired = page.Gauge(
      "bpa_resource_in_desired_state",
      "1 if the resource is as the last apply wanted it, 0 if it differs or cannot be looked at.");
  for (int i = 0; i < shown; ++i) {
    const v1::ResourceState& state = status.resources(i);
    desired.Add(state.drift() == v1::DRIFT_NONE ? 1 : 0,
                {{"kind", KindLabel(state.kind())}, {"name", state.name()}});
  }
  Exposition::Family counts =
      page.Gauge("bpa_resources", "Resources of the last applied role by what was seen of them.");
  counts.Add(CountDrift(status, v1::DRIFT_NONE), {{"state", "in_desired_state"}});
  counts.Add(CountDrift(status, v1::DRIFT_DIFFERS), {{"state", "differs"}});
  counts.Add(CountDrift(status, v1::DRIFT_UNKNOWN), {{"state", "unknown"}});
  page.Gauge("bpa_resource_series_omitted",
             "Resources without a series of their own, because there are too many.")
      .Add(status.resources_size() - shown);
}

void AddLastApply(const v1::LastApply& apply, Exposition& page) {
  page.Gauge("bpa_last_apply_timestamp_seconds",
             "When the last apply on this node ended, or was accepted while it is unfinished.")
      .Add(static_cast<double>(apply.at_unix_millis()) / kMillisPerSecond);
  Exposition::Family result =
      page.Gauge("bpa_last_apply_result", "1 for the result of the last apply on this node.");
  constexpr std::array<std::pair<v1::Outcome, std::string_view>, 4> kResults = {
      {{v1::OUTCOME_SUCCEEDED, "succeeded"},
       {v1::OUTCOME_FAILED, "failed"},
       {v1::OUTCOME_INTERRUPTED, "interrupted"},
       {v1::OUTCOME_UNSPECIFIED, "running"}}};
  for (const auto& [outcome, name] : kResults) {
    result.Add(apply.outcome() == outcome ? 1 : 0, {{"result", name}});
  }
}

// One gauge over all volumes, of a field of VolumeUsage.
void AddVolumeGauge(const v1::NodeStatus& status, const char* name, const char* help,
                    uint64_t (v1::VolumeUsage::*field)() const, Exposition& page) {
  Exposition::Family family = page.Gauge(name, help);
  const int shown = std::min(status.volumes_size(), kMaxVolumeSeries);
  for (int i = 0; i < shown; ++i) {
    const v1::VolumeUsage& volume = status.volumes(i);
    family.Add(static_cast<double>((volume.*field)()), {{"mount_point", volume.mount_point()}});
  }
}

struct EbsCounter {
  const char* name;
  const char* help;
  uint64_t (v1::EbsStatistics::*field)() const;
  double divisor = 1;
};

constexpr std::array<EbsCounter, 10> kEbsCounters = {
    {{"bpa_ebs_read_operations_total", "Completed reads since the volume was attached.",
      &v1::EbsStatistics::read_ops},
     {"bpa_ebs_write_operations_total", "Completed writes since the volume was attached.",
      &v1::EbsStatistics::write_ops},
     {"bpa_ebs_read_bytes_total", "Bytes read since the volume was attached.",
      &v1::EbsStatistics::read_bytes},
     {"bpa_ebs_written_bytes_total", "Bytes written since the volume was attached.",
      &v1::EbsStatistics::write_bytes},
     {"bpa_ebs_read_seconds_total", "Time spent by completed reads.",
      &v1::EbsStatistics::read_micros, kMicrosPerSecond},
     {"bpa_ebs_write_seconds_total", "Time spent by completed writes.",
      &v1::EbsStatistics::write_micros, kMicrosPerSecond},
     {"bpa_ebs_volume_iops_exceeded_seconds_total",
      "Time in which more operations were asked for than the volume is provisioned for.",
      &v1::EbsStatistics::volume_iops_exceeded_micros, kMicrosPerSecond},
     {"bpa_ebs_volume_throughput_exceeded_seconds_total",
      "Time in which more throughput was asked for than the volume is provisioned for.",
      &v1::EbsStatistics::volume_throughput_exceeded_micros, kMicrosPerSecond},
     {"bpa_ebs_instance_iops_exceeded_seconds_total",
      "Time in which more operations were asked for than the EC2 instance allows.",
      &v1::EbsStatistics::instance_iops_exceeded_micros, kMicrosPerSecond},
     {"bpa_ebs_instance_throughput_exceeded_seconds_total",
      "Time in which more throughput was asked for than the EC2 instance allows.",
      &v1::EbsStatistics::instance_throughput_exceeded_micros, kMicrosPerSecond}}};

void AddEbs(const v1::NodeStatus& status, Exposition& page) {
  const int shown = std::min(status.volumes_size(), kMaxVolumeSeries);
  const auto add = [&](Exposition::Family family, auto value_of) {
    for (int i = 0; i < shown; ++i) {
      const v1::VolumeUsage& volume = status.volumes(i);
      if (volume.has_ebs())
        family.Add(value_of(volume.ebs()), {{"mount_point", volume.mount_point()}});
    }
  };
  for (const EbsCounter& counter : kEbsCounters) {
    add(page.Counter(counter.name, counter.help), [&](const v1::EbsStatistics& ebs) {
      return static_cast<double>((ebs.*counter.field)()) / counter.divisor;
    });
  }
  add(page.Gauge("bpa_ebs_queue_length", "Operations that wait for the volume."),
      [](const v1::EbsStatistics& ebs) { return static_cast<double>(ebs.queue_length()); });
}

}  // namespace

void AddNodeMetrics(const v1::NodeStatus& status, Exposition& page) {
  page.Gauge("bpa_observation_timestamp_seconds", "When the executor last looked at the node.")
      .Add(static_cast<double>(status.observed_at_unix_millis()) / kMillisPerSecond);
  page.Gauge("bpa_observation_duration_seconds", "How long the executor's last look took.")
      .Add(static_cast<double>(status.duration_micros()) / kMicrosPerSecond);
  page.Gauge(
          "bpa_observation_complete",
          "1 if the last look saw the whole applied state, 0 while an apply is under way or when "
          "it cannot be looked at.")
      .Add(status.error().empty() ? 1 : 0);
  AddResources(status, page);
  if (status.has_last_apply()) AddLastApply(status.last_apply(), page);
  page.Gauge("bpa_journal_size_bytes", "Size of the executor's journal with its log.")
      .Add(static_cast<double>(status.journal().size_bytes()));
  page.Gauge("bpa_journal_commands", "Commands that the journal keeps.")
      .Add(static_cast<double>(status.journal().commands()));
  page.Gauge("bpa_audit_entries", "Entries of the audit record that the node keeps.")
      .Add(static_cast<double>(status.journal().audit_entries()));
  AddVolumeGauge(status, "bpa_volume_size_bytes", "Size of the filesystem on a role's volume.",
                 &v1::VolumeUsage::size_bytes, page);
  AddVolumeGauge(status, "bpa_volume_available_bytes",
                 "Bytes that are free for everybody on a role's volume.",
                 &v1::VolumeUsage::available_bytes, page);
  AddVolumeGauge(status, "bpa_volume_inodes", "Inodes of the filesystem on a role's volume.",
                 &v1::VolumeUsage::inodes, page);
  AddVolumeGauge(status, "bpa_volume_available_inodes", "Free inodes on a role's volume.",
                 &v1::VolumeUsage::available_inodes, page);
  AddEbs(status, page);
}

}  // namespace bpa::gateway
