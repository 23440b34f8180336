#include "agent/gateway/server.h"

#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/server_builder.h>

#include <utility>

#include "absl/time/clock.h"
#include "agent/gateway/tls.h"
#include "proto/envelope.h"

namespace bpa::gateway {
namespace {

// Room for the message around an envelope.
constexpr int kMaxMessageBytes = static_cast<int>(kMaxEnvelopeBytes) + 1024;
constexpr int kMaxStreamsPerConnection = 16;
// A thread per running call, gRPC's own and some for calls that are quick to refuse.
constexpr int kMaxThreads = 32;
constexpr size_t kMaxBufferBytes = size_t{16} * 1024 * 1024;
constexpr int kHandshakeTimeoutMillis = 10'000;
constexpr int kIdleConnectionMillis = 300'000;
constexpr int kKeepaliveMillis = 60'000;
constexpr int kKeepaliveTimeoutMillis = 20'000;
// bpactl pings every 30 s.
constexpr int kMinPingIntervalMillis = 20'000;
constexpr int kMaxMetadataBytes = 8 * 1024;
constexpr char kServiceName[] = "bpa.v1.AgentService";

void SetLimits(grpc::ServerBuilder& builder) {
  builder.SetMaxReceiveMessageSize(kMaxMessageBytes);
  builder.SetMaxSendMessageSize(kMaxMessageBytes);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kMaxStreamsPerConnection);
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, kMaxMetadataBytes);
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, kHandshakeTimeoutMillis);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS, kIdleConnectionMillis);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMillis);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMillis);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                             kMinPingIntervalMillis);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 0);
  builder.AddChannelArgument(GRPC_ARG_MAX_CHANNEL_TRACE_EVENT_MEMORY_PER_NODE, 0);
  grpc::ResourceQuota quota("gateway");
  quota.Resize(kMaxBufferBytes).SetMaxThreads(kMaxThreads);
  builder.SetResourceQuota(quota);
  // One queue and one waiting thread: at rest this is a small process.
  builder.SetSyncServerOption(grpc::ServerBuilder::SyncServerOption::NUM_CQS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::SyncServerOption::MIN_POLLERS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::SyncServerOption::MAX_POLLERS, 2);
}

}  // namespace

Server::Server(const Config& config) : relay_(config.executor_socket), service_(config, relay_) {}

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const Config& config,
                                                      absl::Duration certificate_refresh) {
  auto credentials = MakeServerCredentials(config, certificate_refresh);
  if (!credentials.ok()) return credentials.status();
  std::unique_ptr<Server> server(new Server(config));
  auto connections = ConnectionLimiter::Listen(config.listen, config.max_connections);
  if (!connections.ok()) return connections.status();
  server->connections_ = *std::move(connections);

  grpc::EnableDefaultHealthCheckService(true);
  grpc::ServerBuilder builder;
  SetLimits(builder);
  auto acceptor = builder.experimental().AddExternalConnectionAcceptor(
      grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD, *credentials);
  builder.RegisterService(&server->service_);
  server->server_ = builder.BuildAndStart();
  if (server->server_ == nullptr) {
    return absl::InternalError("gRPC did not start the server; its reason is in the log above");
  }
  (void)server->UpdateHealth();
  server->connections_->Start(std::move(acceptor));
  return server;
}

Server::~Server() { Shutdown(absl::ZeroDuration()); }

bool Server::UpdateHealth() {
  const bool serving = relay_.SocketExists();
  grpc::HealthCheckServiceInterface* const health = server_->GetHealthCheckService();
  health->SetServingStatus(serving);
  health->SetServingStatus(kServiceName, serving);
  return serving;
}

void Server::Shutdown(absl::Duration grace) {
  connections_->Stop();
  if (server_ == nullptr) return;
  server_->Shutdown(absl::ToChronoTime(absl::Now() + grace));
  server_->Wait();
  server_.reset();
}

}  // namespace bpa::gateway
