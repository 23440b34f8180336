// What this gateway tells monitoring over HTTP: /livez, /readyz, /metrics.
#ifndef BPA_AGENT_GATEWAY_MONITORING_H_
#define BPA_AGENT_GATEWAY_MONITORING_H_

#include <string>
#include <string_view>
#include <vector>

#include "agent/gateway/command_counts.h"
#include "agent/gateway/config.h"
#include "agent/gateway/connections.h"
#include "agent/gateway/http_server.h"
#include "agent/gateway/node_watch.h"
#include "agent/gateway/relay.h"
#include "agent/gateway/tls.h"
#include "agent/gateway/traffic.h"

namespace bpa::gateway {

// All outlive whoever uses them. Safe to use from several threads.
struct MonitoringSources {
  const Config& config;
  const TlsReloader& tls;
  const Relay& relay;
  const Traffic& traffic;
  const CommandCounts& counts;
  const NodeWatch& watch;
  Connections& connections;
};

// Why this node cannot take commands, in words; empty when it can: it is enrolled, its certificate
// has not expired, the executor's socket is there, and the executor did not answer the last look
// with an error (a damaged journal, say). Does not connect to the executor, which would start it.
// Drift does not make a node unready: an apply is what removes it.
std::vector<std::string> WhyNotReady(const MonitoringSources& sources);

// In Prometheus' text format.
std::string RenderMetrics(const MonitoringSources& sources);

// /livez: 200 as long as this process turns. /readyz: 200, or 503 with each reason on a line.
// /metrics. Anything else: 404.
HttpResponse ServeMonitoring(std::string_view path, const MonitoringSources& sources);

}  // namespace bpa::gateway

#endif  // BPA_AGENT_GATEWAY_MONITORING_H_
