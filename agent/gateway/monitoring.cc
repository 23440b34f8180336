#include "agent/gateway/monitoring.h"

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "agent/gateway/exposition.h"
#include "agent/gateway/node_metrics.h"

namespace bpa::gateway {
namespace {

// MODE_APPLY: "apply"; 0 is "unknown".
std::string Label(const std::string& name, std::string_view prefix) {
  const std::string label = absl::AsciiStrToLower(name.substr(prefix.size()));
  return label == "unspecified" ? "unknown" : label;
}

double Seconds(absl::Time time) { return static_cast<double>(absl::ToUnixMillis(time)) / 1e3; }

void AddCommands(const CommandCounts::Values& counts, Exposition& page) {
  Exposition::Family commands = page.Counter(
      "bpa_commands_total",
      "Commands that were carried out, by mode and result, since the gateway started.");
  for (int mode = 0; mode < v1::Mode_ARRAYSIZE; ++mode) {
    for (int outcome = 0; outcome < v1::Outcome_ARRAYSIZE; ++outcome) {
      commands.Add(static_cast<double>(counts.ended[mode][outcome]),
                   {{"mode", Label(v1::Mode_Name(mode), "MODE_")},
                    {"result", Label(v1::Outcome_Name(outcome), "OUTCOME_")}});
    }
  }
  Exposition::Family refusals =
      page.Counter("bpa_refusals_total",
                   "Commands that the executor refused, by reason, since the gateway started.");
  for (int reason = 0; reason < v1::RefusalReason_ARRAYSIZE; ++reason) {
    refusals.Add(static_cast<double>(counts.refused[reason]),
                 {{"reason", Label(v1::RefusalReason_Name(reason), "REFUSAL_REASON_")}});
  }
}

void AddStaging(const Traffic& traffic, Exposition& page) {
  page.Counter("bpa_staging_received_bytes_total",
               "Bytes of packages' content that were handed to the executor.")
      .Add(static_cast<double>(traffic.staged_bytes()));
  page.Counter("bpa_staging_seconds_total", "Time in which packages were staged.")
      .Add(absl::ToDoubleSeconds(traffic.staging_time()));
  page.Gauge("bpa_stagings", "Stagings under way.").Add(traffic.stagings());
}

void AddWatch(const NodeWatch::Seen& seen, Exposition& page) {
  page.Gauge("bpa_observation_success", "1 if the executor's last look at the node succeeded.")
      .Add(seen.last.ok() ? 1 : 0);
  Exposition::Family looks = page.Counter(
      "bpa_observations_total", "Looks at the node, by result, since the gateway started.");
  looks.Add(static_cast<double>(seen.succeeded), {{"result", "succeeded"}});
  looks.Add(static_cast<double>(seen.failed), {{"result", "failed"}});
  if (seen.status != nullptr) AddNodeMetrics(*seen.status, page);
}

HttpResponse Ready(const MonitoringSources& sources) {
  const std::vector<std::string> reasons = WhyNotReady(sources);
  if (reasons.empty()) return {.body = "ready\n"};
  HttpResponse response{.status = 503, .body = "not ready\n"};
  for (const std::string& reason : reasons) {
    absl::StrAppend(&response.body, absl::Utf8SafeCEscape(reason), "\n");
  }
  return response;
}

}  // namespace

std::vector<std::string> WhyNotReady(const MonitoringSources& sources) {
  std::vector<std::string> reasons;
  if (!sources.tls.enrolled()) {
    reasons.push_back(
        absl::StrCat("this node is not enrolled yet: bpactl enroll ", sources.config.node));
  }
  if (sources.tls.expires() <= absl::Now()) {
    reasons.push_back(absl::StrCat(sources.config.certificate, ": expired ",
                                   absl::FormatTime(sources.tls.expires(), absl::UTCTimeZone()),
                                   ": `bpactl renew` on the bastion"));
  }
  if (!sources.relay.ExecutorSocketExists()) {
    reasons.push_back(
        absl::StrCat(sources.config.executor_socket,
                     ": there is no such socket: systemctl start bpa-executor.socket"));
  }
  if (const absl::Status last = sources.watch.Last().last; !last.ok()) {
    reasons.push_back(absl::StrCat("the last look at the node failed: ", last.message()));
  }
  return reasons;
}

std::string RenderMetrics(const MonitoringSources& sources) {
  Exposition page;
  page.Gauge("bpa_build_info", "1, with the agent's version.").Add(1, {{"version", BPA_VERSION}});
  page.Gauge("bpa_node_info", "1, with the names of this node and its cluster in agent.yaml.")
      .Add(1, {{"cluster", sources.config.cluster}, {"node", sources.config.node}});
  page.Gauge("bpa_ready", "1 if this node can take commands; /readyz says why not.")
      .Add(WhyNotReady(sources).empty() ? 1 : 0);
  page.Gauge("bpa_certificate_expiry_timestamp_seconds",
             "When the certificate that the gateway serves expires.")
      .Add(Seconds(sources.tls.expires()));
  page.Gauge("bpa_executor_reachable",
             "1 if the executor's socket is there and the last attempt to connect to it succeeded.")
      .Add(sources.relay.ExecutorSocketExists() && sources.traffic.reached() ? 1 : 0);
  page.Gauge("bpa_connections", "Open gRPC connections.")
      .Add(static_cast<double>(sources.connections.Count()));
  AddCommands(sources.counts.values(), page);
  AddStaging(sources.traffic, page);
  AddWatch(sources.watch.Last(), page);
  return page.Render();
}

HttpResponse ServeMonitoring(std::string_view path, const MonitoringSources& sources) {
  if (path == "/metrics") {
    return {.content_type = "text/plain; version=0.0.4; charset=utf-8",
            .body = RenderMetrics(sources)};
  }
  if (path == "/livez") return {.body = "ok\n"};
  if (path == "/readyz") return Ready(sources);
  return {.status = 404, .body = "here are /livez, /readyz and /metrics\n"};
}

}  // namespace bpa::gateway
