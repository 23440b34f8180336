#include "controller/node_status.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controller/output_json.h"
#include "controller/report_text.h"

namespace bpa::controller {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kNearlyFull = 90;
constexpr char kNotSaid[] = "-";

std::string DriftWord(v1::Drift drift) {
  if (drift == v1::DRIFT_NONE) return "none";
  return drift == v1::DRIFT_DIFFERS ? "differs" : "unknown";
}

int CountDrift(const v1::NodeStatus& status, v1::Drift drift) {
  return static_cast<int>(
      std::count_if(status.resources().begin(), status.resources().end(),
                    [drift](const v1::ResourceState& state) { return state.drift() == drift; }));
}

int PercentOf(uint64_t whole, uint64_t available) {
  if (whole == 0) return -1;
  const uint64_t used = whole - std::min(whole, available);
  return static_cast<int>(
      std::lround(static_cast<double>(used) / static_cast<double>(whole) * 100));
}

std::string VolumeRemark(const v1::VolumeUsage& volume) {
  if (PercentUsed(volume) < kNearlyFull) return "";
  return absl::StrCat(Printable(volume.mount_point()),
                      " is nearly full: ", ByteText(volume.available_bytes()), " and ",
                      volume.available_inodes(), " inodes are left");
}

std::string ResourceRemark(const v1::ResourceState& state) {
  if (state.drift() == v1::DRIFT_NONE) return "";
  return absl::StrCat(
      state.drift() == v1::DRIFT_DIFFERS ? "drift: " : "not known: ", KindWord(state.kind()), " ",
      Printable(state.name()), state.message().empty() ? "" : ": ", Printable(state.message(), 4));
}

std::string LastApplyRemark(const v1::LastApply& last) {
  if (last.outcome() == v1::OUTCOME_SUCCEEDED) return "";
  return absl::StrCat("its last apply ",
                      last.outcome() == v1::OUTCOME_FAILED ? "failed" : "is unfinished",
                      ": bpactl show ", Printable(last.command_id()));
}

Json LastApplyAsJson(const v1::NodeStatus& status) {
  if (!status.has_last_apply()) return nullptr;
  const v1::LastApply& last = status.last_apply();
  return {{"command_id", last.command_id()},
          {"at", Rfc3339(last.at_unix_millis())},
          {"outcome", OutcomeWord(last.outcome())},
          {"operator", last.operator_name()},
          {"role", last.role()}};
}

}  // namespace

std::string AgeText(absl::Duration age) {
  const int64_t seconds = std::max<int64_t>(absl::ToInt64Seconds(age), 0);
  if (seconds < 60) return absl::StrCat(seconds, "s");
  if (seconds < 3600) return absl::StrCat(seconds / 60, "m");
  if (seconds < 48 * 3600) return absl::StrCat(seconds / 3600, "h");
  return absl::StrCat(seconds / 86400, "d");
}

std::string LastApplyText(const v1::DescribeResponse& description, absl::Time now) {
  if (!description.has_status()) return kNotSaid;
  if (!description.status().has_last_apply()) return "never";
  const v1::LastApply& last = description.status().last_apply();
  const std::string outcome =
      last.outcome() == v1::OUTCOME_UNSPECIFIED ? "under way" : OutcomeWord(last.outcome());
  return absl::StrCat(outcome, ", ", AgeText(now - absl::FromUnixMillis(last.at_unix_millis())),
                      " ago");
}

std::string DriftText(const v1::DescribeResponse& description, absl::Time now) {
  if (!description.has_status()) return kNotSaid;
  const v1::NodeStatus& status = description.status();
  if (!status.error().empty()) return "unknown";
  if (!status.has_last_apply()) return kNotSaid;
  const int differs = CountDrift(status, v1::DRIFT_DIFFERS);
  const int known = CountDrift(status, v1::DRIFT_NONE) + differs;
  std::string text = differs == 0 ? "none" : absl::StrCat(differs, " of ", known);
  if (known < status.resources_size()) {
    absl::StrAppend(&text, " (", status.resources_size() - known, " unknown)");
  }
  return absl::StrCat(
      text, ", ", AgeText(now - absl::FromUnixMillis(status.observed_at_unix_millis())), " ago");
}

int PercentUsed(const v1::VolumeUsage& volume) {
  return std::max(PercentOf(volume.size_bytes(), volume.available_bytes()),
                  PercentOf(volume.inodes(), volume.available_inodes()));
}

std::string VolumesText(const v1::DescribeResponse& description) {
  std::vector<std::string> volumes;
  for (const v1::VolumeUsage& volume : description.status().volumes()) {
    const int percent = PercentUsed(volume);
    volumes.push_back(
        absl::StrCat(volume.mount_point(), " ", percent < 0 ? "?" : absl::StrCat(percent, "%")));
  }
  return volumes.empty() ? kNotSaid : absl::StrJoin(volumes, ", ");
}

std::string StatusRemarks(const std::string& node, const v1::DescribeResponse& description) {
  const v1::NodeStatus& status = description.status();
  std::vector<std::string> remarks;
  if (!status.error().empty()) {
    remarks.push_back(
        absl::StrCat("it could not look at its resources: ", Printable(status.error(), 4)));
  }
  if (status.has_last_apply()) remarks.push_back(LastApplyRemark(status.last_apply()));
  for (const v1::ResourceState& state : status.resources()) {
    remarks.push_back(ResourceRemark(state));
  }
  for (const v1::VolumeUsage& volume : status.volumes()) remarks.push_back(VolumeRemark(volume));
  std::string text;
  for (const std::string& remark : remarks) {
    if (!remark.empty()) absl::StrAppend(&text, node, ": ", remark, "\n");
  }
  return text;
}

Json StatusAsJson(const v1::DescribeResponse& description) {
  if (!description.has_status()) return nullptr;
  const v1::NodeStatus& status = description.status();
  Json resources = Json::array();
  for (const v1::ResourceState& state : status.resources()) {
    resources.push_back({{"kind", KindWord(state.kind())},
                         {"name", state.name()},
                         {"drift", DriftWord(state.drift())},
                         {"message", state.message()}});
  }
  Json volumes = Json::array();
  for (const v1::VolumeUsage& volume : status.volumes()) {
    volumes.push_back({{"mount_point", volume.mount_point()},
                       {"size_bytes", volume.size_bytes()},
                       {"available_bytes", volume.available_bytes()},
                       {"inodes", volume.inodes()},
                       {"available_inodes", volume.available_inodes()},
                       {"percent_used", PercentUsed(volume)}});
  }
  return {{"observed_at", Rfc3339(status.observed_at_unix_millis())},
          {"duration_seconds", static_cast<double>(status.duration_micros()) / 1e6},
          {"error", status.error()},
          {"last_apply", LastApplyAsJson(status)},
          {"resources", std::move(resources)},
          {"drifted", CountDrift(status, v1::DRIFT_DIFFERS)},
          {"journal",
           {{"size_bytes", status.journal().size_bytes()},
            {"commands", status.journal().commands()},
            {"audit_entries", status.journal().audit_entries()}}},
          {"volumes", std::move(volumes)}};
}

}  // namespace bpa::controller
