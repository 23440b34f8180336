// What the executor saw of the node, as metrics.
#ifndef BPA_AGENT_GATEWAY_NODE_METRICS_H_
#define BPA_AGENT_GATEWAY_NODE_METRICS_H_

#include "agent/gateway/exposition.h"
#include "bpa/v1/status.pb.h"

namespace bpa::gateway {

// Series per scrape are bounded, whatever a role names: what is beyond is counted.
inline constexpr int kMaxResourceSeries = 200;
inline constexpr int kMaxVolumeSeries = 16;

void AddNodeMetrics(const v1::NodeStatus& status, Exposition& page);

}  // namespace bpa::gateway

#endif  // BPA_AGENT_GATEWAY_NODE_METRICS_H_
