#include "agent/gateway/server.h"

#include <grpc/grpc.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <climits>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "agent/gateway/authorization.h"
#include "agent/gateway/connections.h"
#include "agent/gateway/enrollment_service.h"
#include "agent/gateway/health.h"
#include "agent/gateway/http_server.h"
#include "agent/gateway/listener.h"
#include "agent/gateway/monitoring.h"
#include "agent/gateway/node_watch.h"
#include "agent/gateway/reflection.h"
#include "agent/gateway/relay.h"
#include "agent/gateway/service.h"
#include "agent/gateway/stage_server.h"
#include "agent/gateway/tls.h"
#include "agent/gateway/traffic.h"
#include "proto/bootstrap.h"
#include "proto/envelope.h"

namespace bpa::gateway {
namespace {

using grpc::experimental::ExternalConnectionAcceptor;
using Builder = grpc::ServerBuilder;

constexpr std::chrono::seconds kShutdownGrace(4);
// Room for the message around an envelope.
constexpr int kMaxMessageBytes = static_cast<int>(kMaxEnvelopeBytes) + 1024;
constexpr size_t kQuotaBytes = size_t{40} * 1024 * 1024;
// Of each stream: 400 MB/s at a round trip of 10 ms, and the quota holds for all that may stage.
constexpr int kWindowBytes = 4 * 1024 * 1024;
// The relays, short requests beside them, and gRPC's pollers.
constexpr int kMaxThreads = 24;

int Millis(absl::Duration duration) {
  return static_cast<int>(std::min<int64_t>(absl::ToInt64Milliseconds(duration), INT_MAX));
}

// What one client may ask of the server.
void SetLimits(const Config& config, Builder& builder) {
  builder.SetMaxReceiveMessageSize(kMaxMessageBytes);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, 16);
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, 8 * 1024);
  // Commands are small: no compression, whose bombs the message limit would not see.
  builder.SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_DEFLATE, false);
  builder.SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_GZIP, false);
  grpc::ResourceQuota quota("gateway");
  quota.Resize(kQuotaBytes).SetMaxThreads(kMaxThreads);
  builder.SetResourceQuota(quota);
  // Content: a window of fixed size. One that grew with what the line carries took up the quota
  // while executors were slower than the line, and gRPC then ended streams.
  builder.AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, kWindowBytes);

  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, Millis(absl::Seconds(10)));
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS, Millis(absl::Minutes(5)));
  // A certificate is checked when a connection begins: none may last for long.
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_MS, Millis(absl::Hours(1)));
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS, Millis(config.command_timeout));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, Millis(absl::Minutes(1)));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, Millis(absl::Seconds(20)));
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                             Millis(absl::Seconds(20)));
}

// What keeps the process small and asleep.
void SetFootprint(Builder& builder) {
  builder.SetSyncServerOption(Builder::NUM_CQS, 1);
  builder.SetSyncServerOption(Builder::MIN_POLLERS, 1);
  builder.SetSyncServerOption(Builder::MAX_POLLERS, 2);
  // A poller wakes up to see whether it is still needed: once an hour instead of every 10 s.
  builder.SetSyncServerOption(Builder::CQ_TIMEOUT_MSEC, Millis(absl::Hours(1)));
  builder.AddChannelArgument(GRPC_ARG_ENABLE_CHANNELZ, 0);
  builder.AddChannelArgument(GRPC_ARG_MAX_CHANNEL_TRACE_EVENT_MEMORY_PER_NODE, 0);
}

std::vector<std::string> ServiceNames() {
  return {v1::AgentService::service_full_name(), v1::EnrollmentService::service_full_name(),
          grpc::health::v1::Health::service_full_name(),
          grpc::reflection::v1alpha::ServerReflection::service_full_name()};
}

class RunningServer final : public Server {
 public:
  RunningServer(const Config& config, std::shared_ptr<TlsReloader> tls,
                std::unique_ptr<Listener> listener)
      : tls_(std::move(tls)),
        listener_(std::move(listener)),
        connections_(static_cast<size_t>(config.max_connections)),
        peers_(config.cluster, connections_, [this, &config] { return CheckEnrolled(config); }),
        enrollers_(config.cluster, connections_),
        relay_(config.executor_socket, traffic_),
        watch_(relay_, {.interval = config.drift_interval}),
        sources_{.config = config,
                 .tls = *tls_,
                 .relay = relay_,
                 .traffic = traffic_,
                 .counts = counts_,
                 .watch = watch_,
                 .connections = connections_},
        agent_(sources_, peers_, slots_, counts_),
        enrollment_(enrollers_, relay_, slots_),
        health_(peers_, [this] { return WhyNotReady(sources_).empty(); }),
        reflection_(peers_, ServiceNames()) {}

  ~RunningServer() override {
    if (server_ != nullptr) server_->Shutdown();
  }

  absl::Status Serve(const Config& config) {
    Builder builder;
    SetLimits(config, builder);
    SetFootprint(builder);
    acceptor_ = builder.experimental().AddExternalConnectionAcceptor(
        Builder::experimental_type::ExternalConnectionType::FROM_FD, tls_->MakeCredentials());
    builder.RegisterService(&agent_);
    builder.RegisterService(&enrollment_);
    builder.RegisterService(&health_);
    if (config.reflection) builder.RegisterService(&reflection_);
    const StageContext context{.peers = peers_,
                               .relay = relay_,
                               .slots = slots_,
                               .counts = counts_,
                               .silence = config.command_timeout};
    auto stage = std::make_unique<StageServer>(agent_, builder.AddCompletionQueue(), context);
    server_ = builder.BuildAndStart();
    if (server_ == nullptr) return absl::InternalError("gRPC does not start its server");
    stage_ = std::move(stage);
    stage_->Start();
    StartMonitoring(config);
    return absl::OkStatus();
  }

  // What goes wrong here is logged and no more: a node that is not watched can still be mended.
  void StartMonitoring(const Config& config) {
    traffic_.OnCommandLeft([this] { watch_.CommandLeft(); });
    absl::Status status = watch_.Start();
    if (status.ok() && config.metrics_listen) status = ServeHttp(config);
    if (!status.ok()) spdlog::error("monitoring: {}", std::string(status.message()));
  }

  absl::Status ServeHttp(const Config& config) {
    auto listener = Listener::Open(*config.metrics_listen, "gateway.metrics_listen");
    if (!listener.ok()) return listener.status();
    http_ = std::make_unique<HttpServer>(*std::move(listener), [this](std::string_view path) {
      return ServeMonitoring(path, sources_);
    });
    return http_->Start();
  }

  std::string StatusLine() const override {
    const std::vector<std::string> reasons = WhyNotReady(sources_);
    return reasons.empty() ? "Serving" : absl::StrCat("Not ready: ", reasons.front());
  }

  uint16_t port() const override { return listener_->port(); }

  uint16_t metrics_port() const override { return http_ == nullptr ? 0 : http_->port(); }

  absl::Status Run(int stop_fd, absl::Duration interval, const std::function<void()>& beat,
                   const std::function<void()>& stopping) override {
    absl::Status status =
        listener_->AcceptUntil(stop_fd, interval, beat, [this](int fd, std::string peer) {
          if (!connections_.Admit(fd, std::move(peer))) {
            close(fd);
            return;
          }
          ExternalConnectionAcceptor::NewConnectionParameters parameters;
          parameters.listener_fd = listener_->fd();
          parameters.fd = fd;
          acceptor_->HandleNewConnection(&parameters);
        });
    stopping();
    server_->Shutdown(std::chrono::system_clock::now() + kShutdownGrace);
    server_->Wait();
    return status;
  }

 private:
  absl::Status CheckEnrolled(const Config& config) const {
    if (tls_->enrolled()) return absl::OkStatus();
    return absl::FailedPreconditionError(
        absl::StrCat("this node is not enrolled yet: bpactl enroll ", config.node));
  }

  // In the order in which they need each other.
  const std::shared_ptr<TlsReloader> tls_;
  const std::unique_ptr<Listener> listener_;
  Connections connections_;
  // Who may use an enrolled node, and who may enrol one that is not.
  const PeerCheck peers_;
  const PeerCheck enrollers_;
  Traffic traffic_;
  const Relay relay_;
  NodeWatch watch_;
  CommandCounts counts_;
  const MonitoringSources sources_;
  RelaySlots slots_;
  AgentService agent_;
  EnrollmentService enrollment_;
  HealthService health_;
  ReflectionService reflection_;
  std::unique_ptr<ExternalConnectionAcceptor> acceptor_;
  std::unique_ptr<grpc::Server> server_;
  // Goes before the server, which its threads still ask for calls until that says no.
  std::unique_ptr<StageServer> stage_;
  std::unique_ptr<HttpServer> http_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const Config& config) {
  auto tls = OpenTls({.ca = config.ca,
                      .certificate = config.certificate,
                      .bootstrap = BootstrapPath(config.certificate),
                      .key = config.key},
                     absl::StrCat("bpa://", config.cluster, "/node/", config.node));
  if (!tls.ok()) return tls.status();
  auto listener = Listener::Open(config.listen);
  if (!listener.ok()) return listener.status();
  auto gateway = std::make_unique<RunningServer>(config, *std::move(tls), *std::move(listener));
  if (absl::Status s = gateway->Serve(config); !s.ok()) return s;
  return gateway;
}

}  // namespace bpa::gateway
