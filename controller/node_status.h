// What a node says of its own state, unsigned: in words, and in JSON.
#ifndef BPA_CONTROLLER_NODE_STATUS_H_
#define BPA_CONTROLLER_NODE_STATUS_H_

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "absl/time/time.h"
#include "bpa/v1/agent_service.pb.h"

namespace bpa::controller {

// Each "-" when the node did not say it. `now` is by the node's clock.
//
// "succeeded, 3h ago"; "never".
std::string LastApplyText(const v1::DescribeResponse& description, absl::Time now);
// "none, 2m ago", "2 of 14", "unknown": how many resources are not as the last apply wanted them.
std::string DriftText(const v1::DescribeResponse& description, absl::Time now);
// "/opt 12%", by space or by inodes, whichever is fuller.
std::string VolumesText(const v1::DescribeResponse& description);

// How full, from 0 to 100; -1 when the node says nothing of its size.
int PercentUsed(const v1::VolumeUsage& volume);

// A line for each resource that differs or could not be looked at, for each volume that is nearly
// full, and for a last apply that did not succeed; of `node`, without colour.
std::string StatusRemarks(const std::string& node, const v1::DescribeResponse& description);

// "45s", "12m", "3h", "4d".
std::string AgeText(absl::Duration age);

//   {"observed_at", "duration_seconds", "error",
//    "last_apply": null | {"command_id", "at", "outcome", "operator", "role"},
//    "resources": [{"kind", "name", "drift": "none|differs|unknown", "message"}],
//    "drifted": count of those that differ,
//    "journal": {"size_bytes", "commands", "audit_entries"},
//    "volumes": [{"mount_point", "size_bytes", "available_bytes", "inodes", "available_inodes",
//                 "percent_used"}]}
//
// null when the node did not say it.
nlohmann::ordered_json StatusAsJson(const v1::DescribeResponse& description);

}  // namespace bpa::controller

#endif  // BPA_CONTROLLER_NODE_STATUS_H_
